// Keys for the ceremony. A screen is swapped in place, because going to another page would end the full screen. Without this
// every screen is an address of its own, with links.
"use strict";
(() => {
  const forward = new Set([" ", "ArrowRight", "ArrowDown", "Enter", "PageDown", "n"]);
  const back = new Set(["ArrowLeft", "ArrowUp", "PageUp", "Backspace", "p"]);
  let busy = false;

  const ready = () => {
    for (const word of document.querySelectorAll(".keys")) word.hidden = !document.fullscreenEnabled;
  };

  const show = async (address, keep) => {
    if (busy) return;
    busy = true;
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) throw new Error(`the page answered ${answer.status}`);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("main").replaceWith(page.getElementById("main"));
      if (keep) history.pushState(null, "", address);
      ready();
      document.getElementById("main").focus({ preventScroll: true });
    } catch {
      location.assign(address);
    } finally {
      busy = false;
    }
  };

  const go = (id) => {
    const link = document.getElementById(id);
    if (link) show(link.getAttribute("href"), true);
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const onLink = event.target.closest && event.target.closest("a");
    if (event.key === "Enter" && onLink) return;
    if (forward.has(event.key)) go("next");
    else if (back.has(event.key)) go("back");
    else if (event.key === "Home") go("first");
    else if (event.key === "End") go("awards");
    else if (event.key === "f" || event.key === "F") {
      if (document.fullscreenElement) document.exitFullscreen();
      else document.documentElement.requestFullscreen().catch(() => {});
    } else if (event.key === "Escape" && !document.fullscreenElement) {
      location.assign(document.getElementById("leave").href);
    } else return;
    event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("#next, #back, #first, #awards");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(link.getAttribute("href"), true);
  });

  addEventListener("popstate", () => show(location.href, false));
  ready();
})();
