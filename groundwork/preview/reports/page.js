"use strict";
document.documentElement.classList.add("script");
const field = document.getElementById("search");
const told = document.getElementById("told");
const entries = [...document.querySelectorAll("[data-find]")];
const opened = new Map([...document.querySelectorAll("details")].map((one) => [one, one.open]));
function find() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  const kept = new Set();
  for (const entry of entries) {
    const hit = words.every((word) => entry.dataset.find.includes(word));
    entry.classList.toggle("hit", hit && words.length > 0);
    if (hit) {
      found += 1;
      for (let one = entry; one; one = one.parentElement) {
        if (kept.has(one)) break;
        kept.add(one);
      }
    }
  }
  for (const entry of entries) entry.hidden = !kept.has(entry);
  for (const [one, was] of opened) {
    if (one.querySelector("[data-find]")) one.open = words.length ? kept.has(one) : was;
  }
  told.textContent = words.length ? found + " of " + entries.length + " entries" : "";
}
let waiting = 0;
field.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(find, 120); });
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input,textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); field.focus(); }
  if (event.key === "Escape" && event.target === field) { field.value = ""; find(); }
});
