"use strict";
// Everything is on the page without this; it sorts, filters, and shows one number type at a time.
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

function pick(dtype) {
  for (const button of all(".tabs button")) button.setAttribute("aria-pressed", String(button.dataset.type === dtype));
  for (const section of all("section[data-type]")) section.hidden = section.dataset.type !== dtype;
}

function sort(header) {
  const table = header.closest("table");
  const body = table.tBodies[0];
  const column = header.cellIndex;
  const down = header.getAttribute("aria-sort") !== "descending";
  for (const other of all("th", table)) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const numbers = header.classList.contains("number");
  const compare = (a, b) => {
    if (!numbers) return down ? b.localeCompare(a) : a.localeCompare(b);
    // What is not known comes last, whichever way.
    if (a === "" || b === "") return (a === "") - (b === "");
    return down ? b - a : a - b;
  };
  body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
}

function filter(form) {
  const text = form.querySelector("input").value.trim().toLowerCase();
  const wanted = all("select", form).map((select) => [select.name, select.value]).filter(([, value]) => value);
  let shown = 0;
  for (const row of all("#findings tbody tr")) {
    row.hidden = !row.textContent.toLowerCase().includes(text) || wanted.some(([name, value]) => row.dataset[name] !== value);
    shown += !row.hidden;
  }
  form.querySelector("output").textContent = `${shown} shown`;
}

function find(dot) {
  const form = document.querySelector(".filters");
  form.querySelector("input").value = "";
  for (const select of all("select", form)) select.value = "";
  filter(form);
  const row = document.getElementById(`call-${dot.closest("section").dataset.type}-${dot.dataset.call}`);
  if (!row) return;
  row.scrollIntoView({ block: "center" });
  for (const other of all(".found")) other.classList.remove("found");
  dot.classList.add("found");
  row.classList.add("found");
}

for (const button of all(".tabs button")) button.addEventListener("click", () => pick(button.dataset.type));
const first = document.querySelector(".tabs button");
if (first) pick(first.dataset.type);
for (const button of all("th button")) button.addEventListener("click", () => sort(button.closest("th")));
for (const form of all(".filters")) {
  form.addEventListener("input", () => filter(form));
  form.addEventListener("submit", (event) => event.preventDefault());
  filter(form);
}
for (const dot of all(".dot")) dot.addEventListener("click", () => find(dot));
