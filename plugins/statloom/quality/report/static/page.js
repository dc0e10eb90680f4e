// Tables: narrowed to the rows that contain what is typed and whose shade is ticked, and sorted by a column.
"use strict";

function narrow(table) {
  const input = document.querySelector(`input[data-filter="${table.id}"]`);
  const wanted = input.value.trim().toLowerCase();
  const legend = document.querySelector(`[data-legend="${table.id}"]:not([hidden])`);
  const shade = legend?.dataset.shade;
  const off = new Set([...(legend?.querySelectorAll("input:not(:checked)") ?? [])].map((box) => box.value));
  const rows = table.tBodies[0].rows;
  let shown = 0;
  for (const row of rows) {
    row.hidden =
      (wanted !== "" && !row.textContent.toLowerCase().includes(wanted)) || (shade && off.has(row.dataset[shade]));
    if (!row.hidden) shown += 1;
  }
  input.parentElement.querySelector(".count").textContent = `${shown} of ${rows.length}`;
  table.dispatchEvent(new CustomEvent("narrowed"));
}

for (const input of document.querySelectorAll("input[data-filter]")) {
  const table = document.getElementById(input.dataset.filter);
  if (!table) continue;
  input.addEventListener("input", () => narrow(table));
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

const plain = (cell) => cell.dataset.value ?? cell.textContent.trim();
const order = new Intl.Collator("en", { numeric: true });

for (const button of document.querySelectorAll("th button.sort")) {
  const heading = button.closest("th");
  button.addEventListener("click", () => {
    const body = heading.closest("table").tBodies[0];
    const numbers = heading.classList.contains("n");
    const now = heading.getAttribute("aria-sort");
    const up = now === "descending" || (now === null && !numbers);
    const value = numbers ? (row) => Math.abs(Number(plain(row.cells[heading.cellIndex]))) || 0 : null;
    const rows = [...body.rows].sort((a, b) =>
      value
        ? value(a) - value(b)
        : order.compare(plain(a.cells[heading.cellIndex]), plain(b.cells[heading.cellIndex])),
    );
    if (!up) rows.reverse();
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...rows);
  });
}
