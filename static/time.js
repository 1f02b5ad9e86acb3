// Keeps the words of every <time> right and adds the exact time in the reader's time zone.
// The wording is that of src/web/timestamp.rs.
"use strict";
(() => {
  const exact = new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  });

  const short = (seconds) => {
    if (seconds < 1) return "now";
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
    return `${Math.floor(seconds / 86400)} d`;
  };

  const long = (seconds) => {
    const minutes = Math.max(0, Math.floor(seconds / 60));
    const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
    if (days > 0) return `${days} ${days === 1 ? "day" : "days"} ${hours} h`;
    if (hours > 0) return `${hours} h ${rest} min`;
    return rest > 0 ? `${rest} min` : "less than a minute";
  };

  const rules = {
    ago: (at, now) => (now - at < 1000 ? "just now" : `${short(Math.floor((now - at) / 1000))} ago`),
    age: (at, now) => short(Math.floor((now - at) / 1000)),
    until: (at, now) => long((at - now) / 1000),
    local: (at) => exact.format(at),
  };

  const update = () => {
    const now = Date.now();
    for (const time of document.querySelectorAll("time[data-rule]")) {
      const at = Date.parse(time.dateTime);
      if (Number.isNaN(at)) continue;
      if (!time.dataset.exact) {
        time.dataset.exact = time.title;
        time.title = `${exact.format(at)} for you · ${time.title}`;
      }
      const rule = rules[time.dataset.rule];
      const words = rule && rule(at, now);
      if (words && words !== time.textContent) time.textContent = words;
    }
  };

  update();
  setInterval(update, 1000);
  // Other scripts send this event after replacing a part of the page.
  document.addEventListener("callimico:swapped", update);
})();
