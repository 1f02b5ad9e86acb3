// Keeps the leaderboard up to date. Each change sends a server-sent event, which makes this script
// fetch the page again. Where events do not get through, it polls every 15 seconds instead. An ETag
// check comes first, so that a board that has not changed is not fetched.
"use strict";
(() => {
  const board = () => document.getElementById("board");
  const announce = document.getElementById("announce");
  const MAX_DELAY = 1000; // milliseconds; the readers’ fetches are spread over this time
  const POLL = 15000; // milliseconds
  let due = null;
  let missed = false;
  let poll = null;

  const showStatus = () => {
    const live = document.querySelector("#board .live");
    const text = document.getElementById("live-word");
    if (!live || !text) return;
    live.classList.toggle("waiting", delayed);
    text.textContent = status();
  };
  // What the page calls a board that follows its events, such as "live".
  const word = () => board().dataset.word;
  let delayed = false;
  const status = () => (delayed ? "updates every 15 s" : word());

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
      showStatus();
      const now = leaders();
      if (now !== before) announce.textContent = `The leaderboard changed. ${now}.`;
    } catch (error) {
      if (error.name !== "AbortError") soon(POLL);
    }
  };

  // The random delay keeps a thousand readers from fetching at the same instant.
  const soon = (delay = MAX_DELAY * Math.random()) => {
    if (due === null) due = setTimeout(refresh, delay);
  };

  const listen = () => {
    const source = new EventSource(board().dataset.events);
    source.addEventListener("open", () => {
      clearInterval(poll);
      poll = null;
      delayed = false;
      showStatus();
      // The board may have changed since the page was rendered.
      soon();
    });
    source.addEventListener("leaderboard", () => soon());
    source.addEventListener("error", () => {
      delayed = true;
      showStatus();
      if (poll === null) poll = setInterval(soon, POLL);
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, POLL);
    });
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && missed) soon();
  });

  if (board() && board().dataset.events) listen();
})();
