"use strict";
// The search of the index, and the map of a dataset. Nothing is asked of any server.
(() => {
  const plain = (text) => text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "");

  const form = document.querySelector("form.search");
  if (form) {
    const words = form.querySelector("input"), goal = form.querySelector("select");
    const items = [...document.querySelectorAll("ul.datasets > li")];
    const texts = items.map((item) => plain(item.dataset.words));
    const count = document.getElementById("count");
    const show = () => {
      const asked = plain(words.value).split(/\s+/).filter(Boolean);
      let shown = 0;
      items.forEach((item, number) => {
        const fits = asked.every((word) => texts[number].includes(word))
          && (!goal.value || item.dataset.goal === goal.value);
        item.hidden = !fits;
        shown += fits;
      });
      count.textContent = `${shown} ${count.dataset.words}`;
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    words.addEventListener("input", show);
    goal.addEventListener("change", show);
    words.value = new URLSearchParams(location.search).get("q") || words.value;
    show();
  }

  const sheet = document.querySelector(".map svg");
  if (!sheet || !window.BOUNDARIES) return;
  const shown = JSON.parse(document.getElementById("map-figures").textContent);
  const level = window.BOUNDARIES.levels[shown.level];
  const language = document.documentElement.lang === "ne" ? "ne" : "en";
  const said = document.querySelector(".said");
  const format = (value) => value === null ? shown.none
    : value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) >= 100 ? 0 : 2 });
  const classOf = (value) => value === null ? "" : "c" + shown.limits.filter((limit) => value > limit).length;
  sheet.setAttribute("viewBox", `0 0 ${window.BOUNDARIES.width} ${window.BOUNDARIES.height}`);
  const space = "http://www.w3.org/2000/svg";
  level.paths.forEach((outline, number) => {
    const path = document.createElementNS(space, "path");
    const value = shown.values[number] ?? null;
    path.setAttribute("d", outline);
    path.setAttribute("class", classOf(value));
    path.dataset.place = level.ids[number];
    const title = document.createElementNS(space, "title");
    title.textContent = `${level.names[language][number]}: ${format(value)}`;
    path.append(title);
    path.addEventListener("pointerover", () => { said.textContent = title.textContent; });
    sheet.append(path);
  });
  const details = document.querySelector("details.table-of-map");
  details.addEventListener("toggle", () => {
    const body = details.querySelector("tbody");
    if (!details.open || body.rows.length) return;
    level.ids.forEach((id, number) => {
      if ((shown.values[number] ?? null) === null) return;
      const row = body.insertRow();
      row.insertCell().textContent = level.names[language][number];
      const cell = row.insertCell();
      cell.className = "n";
      cell.textContent = format(shown.values[number]);
    });
  });
})();
