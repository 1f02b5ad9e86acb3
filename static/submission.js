// Waits for a submission's state to change and then updates the page. The request is a long poll
// that returns when something has changed, so the scores appear as soon as they exist.
"use strict";
(() => {
  const PAUSE = 2000; // milliseconds
  const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

  const show = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(`the page answered ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["submission", "facts"]) {
      const [fresh, old] = [page.getElementById(id), document.getElementById(id)];
      if (fresh && old) old.replaceWith(fresh);
    }
    document.dispatchEvent(new Event("callimico:swapped"));
  };

  const watch = async () => {
    for (;;) {
      const place = document.getElementById("submission");
      const url = place && place.dataset.wait;
      if (!url) return;
      try {
        const answer = await fetch(url, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
        const { state } = await answer.json();
        await show();
        if (["received", "queued", "scoring"].includes(state)) await pause(PAUSE / 4);
      } catch {
        await pause(PAUSE);
      }
    }
  };

  watch();
})();
