// Menu, language, tables: narrowed to the rows that contain what is typed and have what is chosen or ticked, sorted
// by a column, shown as cards on a phone, and reached by keyboard where they are wider than the screen.
"use strict";

document.documentElement.classList.add("js");
const small = matchMedia("(max-width: 40rem)");
const menu = document.querySelector(".menu");
const fold = () => { menu.open = !small.matches; };
small.addEventListener("change", fold);
fold();

// The other language's page of the same place, at the same heading.
const language = document.querySelector(".language");
language.addEventListener("click", () => { language.hash = location.hash; });

const of = (table, kind) => document.querySelectorAll(`[data-${kind}="${table.id}"]`);

// Not every browser has Nepali numbers.
const nepali = document.documentElement.lang === "ne";
const said = (number) => {
  const text = number.toLocaleString("en");
  return nepali ? text.replace(/\d/g, (digit) => String.fromCharCode(0x966 + Number(digit))) : text;
};

function narrow(table) {
  const input = document.querySelector(`input[data-filter="${table.id}"]`);
  const wanted = input.value.trim().toLowerCase();
  const legend = document.querySelector(`[data-legend="${table.id}"]:not([hidden])`);
  const shade = legend?.dataset.shade;
  const off = new Set([...(legend?.querySelectorAll("input:not(:checked)") ?? [])].map((box) => box.value));
  const choices = [...of(table, "choice")].filter((one) => one.value !== "").map((one) => [one.dataset.name, one.value]);
  const rows = table.tBodies[0].rows;
  let shown = 0;
  for (const row of rows) {
    row.hidden =
      (wanted !== "" && !row.textContent.toLowerCase().includes(wanted)) ||
      (shade && off.has(row.dataset[shade])) ||
      choices.some(([name, value]) => !(row.dataset[name] ?? "").split(/[ ,]+/).includes(value));
    if (!row.hidden) shown += 1;
  }
  const count = input.closest(".filter").querySelector(".count");
  count.textContent = count.dataset.of
    .replace("{shown}", said(shown))
    .replace("{all}", said(rows.length));
  table.dispatchEvent(new CustomEvent("narrowed"));
}

for (const input of document.querySelectorAll("input[data-filter]")) {
  const table = document.getElementById(input.dataset.filter);
  if (!table) continue;
  input.addEventListener("input", () => narrow(table));
  for (const choice of of(table, "choice")) choice.addEventListener("change", () => narrow(table));
  for (const box of document.querySelectorAll(`[data-legend="${table.id}"] input`)) {
    box.addEventListener("change", () => narrow(table));
  }
  for (const choice of document.querySelectorAll(`input[data-shades="${table.id}"]`)) {
    choice.addEventListener("change", () => {
      for (const legend of document.querySelectorAll(`[data-legend="${table.id}"]`)) {
        legend.hidden = legend.dataset.shade !== choice.value;
      }
      narrow(table);
    });
  }
  narrow(table);
}

const western = (text) => text.replace(/[०-९]/g, (digit) => digit.charCodeAt(0) - 0x966);
// A link that chooses: the goal's rows of the table below.
for (const link of document.querySelectorAll("[data-choose]")) {
  link.addEventListener("click", () => {
    const choice = document.querySelector(`[data-choice="${link.dataset.choose}"][data-name="${link.dataset.name}"]`);
    choice.value = link.dataset.choiceValue;
    choice.dispatchEvent(new Event("change"));
  });
}

const plain = (cell) => cell.dataset.value ?? cell.textContent.trim();
const order = new Intl.Collator(document.documentElement.lang, { numeric: true });

for (const button of document.querySelectorAll("th button.sort")) {
  const heading = button.closest("th");
  button.addEventListener("click", () => {
    const body = heading.closest("table").tBodies[0];
    const numbers = heading.classList.contains("n");
    const now = heading.getAttribute("aria-sort");
    const up = now === "descending" || (now === null && !numbers);
    const value = (row) => (row.cells[heading.cellIndex] ? plain(row.cells[heading.cellIndex]) : "");
    const size = (row) => Math.abs(Number.parseFloat(western(value(row)).replaceAll(",", ""))) || 0;
    const rows = [...body.rows].sort((a, b) => (numbers ? size(a) - size(b) : order.compare(value(a), value(b))));
    if (!up) rows.reverse();
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...rows);
  });
}

// On a phone each cell of a card is named by its column; a table in a fold is made ready with the rest.
function label() {
  if (!small.matches) return;
  for (const table of document.querySelectorAll("table.stack:not([data-labelled])")) {
    const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    for (const part of [...table.tBodies, table.tFoot]) {
      for (const row of part?.rows ?? []) [...row.cells].forEach((cell, i) => { cell.dataset.label = names[i] ?? ""; });
    }
    table.dataset.labelled = "";
  }
}
small.addEventListener("change", label);
label();

// What scrolls sideways can be scrolled by keyboard.
function reachable() {
  for (const box of document.querySelectorAll(".wide")) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
    } else box.removeAttribute("tabindex");
  }
}
reachable();
addEventListener("resize", reachable);
document.addEventListener("toggle", reachable, true);
