// Makes the leaderboard interactive: a click anywhere on a row opens it, and links that only change
// how the board is shown replace it in place. Without this script the same links load whole pages.
"use strict";
(() => {
  let running = null;

  // The open rows, the scores and the focus, by entry, so that they can be restored on a new board.
  const remember = (board) => {
    const focused = board.contains(document.activeElement) ? document.activeElement : null;
    const row = focused && focused.closest("tr[data-id]");
    return {
      open: [...board.querySelectorAll("details[open]")].map((details) => details.dataset.id),
      scores: new Map([...board.querySelectorAll("tr.entry")].map((entry) => [entry.dataset.id, entry.dataset.score])),
      row: row && row.dataset.id,
      kind: focused && (focused.matches("summary") ? "summary" : focused.matches(".pick") ? ".pick" : null),
      href: focused && focused.getAttribute("href"),
    };
  };

  const restore = (board, before) => {
    for (const details of board.querySelectorAll("details")) {
      details.open = before.open.includes(details.dataset.id);
    }
    for (const entry of board.querySelectorAll("tr.entry")) {
      if (before.scores.size > 0 && before.scores.get(entry.dataset.id) !== entry.dataset.score) {
        entry.classList.add("changed");
      }
    }
    const row = before.row && board.querySelector(`tr.entry[data-id="${CSS.escape(before.row)}"]`);
    const target = row && before.kind
      ? row.querySelector(before.kind)
      : [...board.querySelectorAll("a[href]")].find((link) => link.getAttribute("href") === before.href);
    if (target) target.focus({ preventScroll: true });
  };

  // Fetches the page at `url` and replaces the board, and the facts above it, with its own.
  const swap = async (url) => {
    if (running) running.abort();
    running = new AbortController();
    const answer = await fetch(url, { signal: running.signal, headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(`the board answered ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("board");
    const board = document.getElementById("board");
    if (!fresh || !board) throw new Error("that page has no board");
    const before = remember(board);
    board.replaceWith(fresh);
    restore(fresh, before);
    const facts = page.getElementById("facts");
    if (facts) document.getElementById("facts").replaceWith(facts);
    document.dispatchEvent(new Event("callimico:swapped"));
  };

  document.addEventListener("click", (event) => {
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!plain || event.defaultPrevented) return;
    const link = event.target.closest("#board thead a, #board .choices a, #board a[data-swap]");
    if (link) {
      event.preventDefault();
      history.pushState(null, "", link.href);
      swap(link.href).catch((error) => {
        if (error.name !== "AbortError") location.assign(link.href);
      });
      return;
    }
    const row = event.target.closest("tr.entry");
    if (row && !event.target.closest("a, summary") && !getSelection().toString()) {
      const details = row.querySelector("details");
      details.open = !details.open;
    }
  });

  addEventListener("popstate", () => swap(location.href).catch(() => location.reload()));

  globalThis.callimico = { swap };
})();
