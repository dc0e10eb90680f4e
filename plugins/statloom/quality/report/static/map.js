// Draws the country's units (statloomMap, from boundaries.js) shaded as the rows of the map's table say.
"use strict";

(() => {
  const figure = document.querySelector("[data-map]");
  const map = window.statloomMap;
  if (!figure || !map) return;

  const table = document.getElementById(figure.dataset.map);
  const svg = figure.querySelector("svg");
  const said = figure.querySelector(".said");
  const make = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  // An arc's points come as steps: the first from the corner of the sheet, each other from the one before.
  const ends = map.arcs.map((steps) => {
    let x = 0, y = 0;
    for (let i = 0; i < steps.length; i += 2) { x += steps[i]; y += steps[i + 1]; }
    return [x, y];
  });
  const line = (number, begins) => {
    const steps = map.arcs[number < 0 ? ~number : number];
    if (number >= 0) {
      const rest = steps.slice(2).join(" ");
      return begins ? `M${steps[0]} ${steps[1]}l${rest}` : rest;
    }
    const back = [];
    for (let i = steps.length - 2; i > 0; i -= 2) back.push(-steps[i], -steps[i + 1]);
    const [x, y] = ends[~number];
    return begins ? `M${x} ${y}l${back.join(" ")}` : back.join(" ");
  };
  const outline = (rings) => rings.map((ring) => ring.map((n, i) => line(n, i === 0)).join(" ") + "z").join("");

  const rows = new Map([...table.tBodies[0].rows].map((row) => [row.dataset.place, row]));
  const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  const tell = (unit, row) => {
    if (!row) return `${unit.name}: ${figure.dataset.none}`;
    const cells = [...row.cells].map((cell) => cell.textContent.trim());
    const figures = cells.slice(3).map((text, i) => `${headings[i + 3].toLowerCase()} ${text}`).join(", ");
    const whole = row.dataset.place in map.units ? `${cells[0]} (${cells[1]})` : `${unit.name}, ${figure.dataset.with} ${cells[0]}`;
    return `${whole}: ${cells[2]}; ${figures}`;
  };

  svg.setAttribute("viewBox", `-12 -12 ${map.width + 24} ${map.height + 24}`);
  const units = [];
  const layer = make("g", { class: "units" });
  for (const [id, unit] of Object.entries(map.units)) {
    const row = unit.statistical ? [id, ...unit.within].map((one) => rows.get(one)).find(Boolean) : undefined;
    const path = make("path", { d: outline(unit.arcs), "data-place": id });
    const text = tell(unit, row);
    const title = make("title", {});
    title.textContent = text;
    path.append(title);
    layer.append(path);
    units.push({ path, row, text, statistical: unit.statistical });
  }
  svg.append(layer);
  map.borders.forEach((arcs, i) => {
    svg.append(make("path", { class: `border border-${map.borders.length - i}`, d: arcs.map((n) => line(n, true)).join("") }));
  });
  svg.append(make("path", { class: "border around", d: map.around.map((n) => line(n, true)).join("") }));

  const paint = () => {
    const choice = document.querySelector(`input[data-shades="${table.id}"]:checked`);
    const shade = choice ? choice.value : "method";
    for (const { path, row, statistical } of units) {
      const value = row ? row.dataset[shade] : "none";
      path.setAttribute("class", statistical ? `unit ${value}${row?.hidden ? " faded" : ""}` : "protected");
    }
  };
  table.addEventListener("narrowed", paint);
  paint();

  const texts = new Map(units.map(({ path, text }) => [path, text]));
  const point = (event) => {
    const text = texts.get(event.target.closest("path"));
    if (text) said.textContent = text;
  };
  svg.addEventListener("pointerover", point);
  svg.addEventListener("click", point);
})();
