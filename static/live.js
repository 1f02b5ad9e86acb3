// Keeps the board current: one server-sent event a change, then one fetch of the same page. Where events do not get
// through, it asks every 15 seconds instead. A board that did not change is not fetched: its ETag says so.
"use strict";
(() => {
  const board = () => document.getElementById("board");
  const announce = document.getElementById("announce");
  const QUIET = 1000; // at most one fetch a second, however fast the changes come
  const POLL = 15000;
  let due = null;
  let missed = false;
  let poll = null;

  const say = (word) => {
    const live = document.querySelector("#board .live");
    const place = document.getElementById("live-word");
    if (!live || !place) return;
    live.classList.toggle("waiting", word !== "live");
    place.textContent = word;
  };
  let word = "live";

  const leaders = () => [...document.querySelectorAll("#board tr.entry")].slice(0, 3)
    .map((row) => `${row.querySelector(".rank").firstChild.textContent.trim()}, ${row.querySelector("summary").textContent.trim()}, ${row.dataset.score}`)
    .join("; ");

  const hasChanged = async () => {
    const { json, etag } = board().dataset;
    const answer = await fetch(json, { method: "HEAD", headers: { "If-None-Match": etag }, cache: "no-store" });
    return answer.status !== 304;
  };

  const refresh = async () => {
    due = null;
    if (document.hidden) {
      missed = true;
      return;
    }
    missed = false;
    const before = leaders();
    try {
      if (!(await hasChanged())) return;
      await globalThis.callimico.swap(location.href);
      say(word);
      const now = leaders();
      if (now !== before) announce.textContent = `The leaderboard changed. ${now}.`;
    } catch (error) {
      if (error.name !== "AbortError") soon(POLL);
    }
  };

  // A little chance in the delay keeps a thousand readers from asking in the same instant.
  const soon = (delay = QUIET * Math.random()) => {
    if (due === null) due = setTimeout(refresh, delay);
  };

  const listen = () => {
    const source = new EventSource(board().dataset.events);
    source.addEventListener("open", () => {
      clearInterval(poll);
      poll = null;
      word = "live";
      say(word);
      // Something may have changed between the making of the page and now.
      soon();
    });
    source.addEventListener("leaderboard", () => soon());
    source.addEventListener("error", () => {
      word = "asks every 15 s";
      say(word);
      if (poll === null) poll = setInterval(soon, POLL);
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, POLL);
    });
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && missed) soon();
  });

  if (board() && board().dataset.events) listen();
})();
