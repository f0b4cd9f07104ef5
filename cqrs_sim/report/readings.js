"use strict";
// Reads a chart's values, with the pointer or by the arrow keys. The values come from the chart's
// own data table, as text, so what is shown here is what stands there. Nothing is fetched.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

function rowsOf(table) {
  return [...table.tBodies[0].rows].map((row) => ({
    at: Number(row.dataset.at),
    name: row.cells[0].textContent,
    cells: [...row.cells].slice(1).map((cell) => ({
      top: cell.dataset.top === "" ? null : Number(cell.dataset.top),
      text: cell.textContent,
    })),
  }));
}

function columnsOf(table) {
  return [...table.tHead.rows[0].cells].slice(1).map((cell) => ({
    name: cell.firstElementChild.textContent,
    unit: cell.dataset.unit,
    look: cell.dataset.look,
  }));
}

function nearest(rows, at) {
  let best = 0;
  rows.forEach((row, number) => {
    if (Math.abs(row.at - at) < Math.abs(rows[best].at - at)) best = number;
  });
  return best;
}

function makeReadable(figure) {
  const table = figure.querySelector("table.readings");
  if (table === null) return;
  const isAcross = figure.dataset.chart === "x";
  const plot = figure.querySelector(".plot");
  const area = figure.querySelector("svg.area");
  const tip = figure.querySelector(".tip");
  const live = figure.querySelector("[aria-live]");
  const rows = rowsOf(table);
  const columns = columnsOf(table);
  if (rows.length === 0) return;
  const height = Number(area.getAttribute("height"));
  const marks = element("g", { class: "marks" }, area);
  let current = null;

  function told(cell, column) {
    const hasUnit = column.unit !== "" && cell.text !== "-";
    return hasUnit ? `${cell.text} ${column.unit}` : cell.text;
  }

  function mark(row) {
    marks.replaceChildren();
    if (!isAcross) {
      [...area.querySelectorAll("g.bar")].forEach((bar, number) => {
        bar.classList.toggle("is-read", rows[number] === row);
      });
    }
    if (!isAcross || row === null) return;
    const x = `${row.at * 100}%`;
    element("line", { class: "cursor", x1: x, x2: x, y1: 0, y2: height }, marks);
    row.cells.forEach((cell, number) => {
      if (cell.top === null) return;
      const look = `dot read ${columns[number].look}`;
      element("circle", { class: look, cx: x, cy: cell.top, r: 4 }, marks);
    });
  }

  function fill(row) {
    const title = document.createElement("strong");
    title.textContent = row.name;
    const lines = row.cells.map((cell, number) => {
      const line = document.createElement("span");
      const name = document.createElement("i");
      const value = document.createElement("b");
      name.textContent = columns[number].name;
      name.className = `key ${columns[number].look}`;
      value.textContent = told(cell, columns[number]);
      line.append(name, value);
      return line;
    });
    tip.replaceChildren(title, ...lines);
  }

  function place(row) {
    tip.hidden = false;
    const box = plot.getBoundingClientRect();
    const drawn = area.getBoundingClientRect();
    const x = drawn.left - box.left + (isAcross ? row.at * drawn.width : 0);
    const room = box.width - tip.offsetWidth;
    const beside = x + 14 <= room ? x + 14 : x - 14 - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(beside, room))}px`;
    tip.style.top = isAcross ? "8px" : `${row.at * drawn.height + 26}px`;
  }

  function read(number, isSpoken) {
    current = Math.max(0, Math.min(number, rows.length - 1));
    const row = rows[current];
    mark(row);
    fill(row);
    place(row);
    if (!isSpoken) return;
    const values = row.cells.map((cell, i) => `${columns[i].name} ${told(cell, columns[i])}`);
    live.textContent = `${row.name}: ${values.join(", ")}`;
  }

  function forget() {
    current = null;
    tip.hidden = true;
    mark(null);
  }

  function point(event) {
    const drawn = area.getBoundingClientRect();
    const across = (event.clientX - drawn.left) / drawn.width;
    const down = (event.clientY - drawn.top) / drawn.height;
    read(nearest(rows, isAcross ? across : down), false);
  }

  const page = Math.max(1, Math.round(rows.length / 10));
  const steps = {
    ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1,
    PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity,
  };

  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointerleave", () => {
    if (document.activeElement !== plot) forget();
  });
  plot.addEventListener("focus", () => {
    if (current === null && plot.matches(":focus-visible")) read(0, true);
  });
  plot.addEventListener("blur", forget);
  plot.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      forget();
    } else if (event.key in steps && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      read(current === null ? 0 : current + steps[event.key], true);
    }
  });
}

document.querySelectorAll("figure[data-chart]").forEach(makeReadable);

// A closed scenario would be missing on paper.
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details.printed").forEach((details) => { details.open = true; });
});
