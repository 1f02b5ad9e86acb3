// Returns the problems of the page, a sentence each.
const problems = [];
const report = (sentence) => problems.push(sentence);
const short = (element) => element.outerHTML.slice(0, 110);
const named = (element) => {
  const by = (element.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean);
  return [
    element.getAttribute("aria-label"),
    element.getAttribute("title"),
    element.textContent,
    ...by.map((id) => (document.getElementById(id) || {}).textContent),
  ].some((text) => text && text.trim());
};

const root = document.documentElement;
if (root.scrollWidth > root.clientWidth) {
  const wide = [...document.body.querySelectorAll("*")].find((one) => one.getBoundingClientRect().right > root.clientWidth + 1);
  report(`it is ${root.scrollWidth} wide in ${root.clientWidth}${wide ? `, because of ${short(wide)}` : ""}`);
}
if (!root.lang) report("it has no language");
if (document.title.replace("· Callimico", "").trim() === "") report("it has no title");
for (const [selector, what] of [["h1", "main heading"], ["main", "main landmark"]]) {
  const count = document.querySelectorAll(selector).length;
  if (count !== 1) report(`it has ${count} of what must be one ${what}`);
}

for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
  const labels = [...(field.labels || [])].some((label) => label.textContent.trim());
  if (!labels && !field.getAttribute("aria-label")) report(`a field has no label: ${short(field)}`);
}
for (const control of document.querySelectorAll("a[href], button, summary")) {
  if (!named(control)) report(`a control has no name: ${short(control)}`);
}
for (const group of document.querySelectorAll("fieldset")) {
  if (!group.querySelector("legend")) report(`a group has no legend: ${short(group)}`);
}
for (const picture of document.querySelectorAll("img, svg")) {
  const hidden = picture.closest("[aria-hidden=true]");
  const title = picture.querySelector(":scope > title");
  const name = picture.getAttribute("alt") || picture.getAttribute("aria-label") || (title && title.textContent);
  if (!hidden && !name) report(`a picture has no name and is not hidden: ${short(picture)}`);
}
for (const table of document.querySelectorAll("table")) {
  if (!table.caption) report(`a table has no caption: ${short(table)}`);
  if ([...table.querySelectorAll("th")].some((head) => !head.scope)) report(`a table's head has no scope: ${short(table)}`);
}
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of new Set(ids.filter((id, place) => ids.indexOf(id) !== place))) report(`the id ${id} is there twice`);
for (const element of document.querySelectorAll("[aria-describedby]")) {
  for (const id of element.getAttribute("aria-describedby").split(/\s+/)) {
    if (!document.getElementById(id)) report(`nothing has the id ${id} that describes ${short(element)}`);
  }
}

// The contrast of text: WCAG 2.2, 1.4.3. Text that is disabled, invisible or in a picture is
// skipped.
const channels = (colour) => {
  const numbers = colour.match(/[\d.]+/g).map(Number);
  return { rgb: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : 1 };
};
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((value) => value / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const background = (element) => {
  for (let one = element; one; one = one.parentElement) {
    const { rgb, alpha } = channels(getComputedStyle(one).backgroundColor);
    if (alpha === 1) return rgb;
  }
  return [255, 255, 255];
};
const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (words.nextNode()) {
  const element = words.currentNode.parentElement;
  const style = getComputedStyle(element);
  const quiet = element.closest("svg, noscript, script, .unseen, .skip, :disabled, [aria-disabled=true]");
  if (quiet || !words.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
  const [a, b] = [luminance(channels(style.color).rgb), luminance(background(element))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (large ? 3 : 4.5)) {
    report(`“${words.currentNode.data.trim().slice(0, 40)}” has a contrast of ${ratio.toFixed(2)}`);
  }
}
return [...new Set(problems)];
