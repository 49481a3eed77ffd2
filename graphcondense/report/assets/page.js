
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const find = (selector, from = document) => [...from.querySelectorAll(selector)];
document.documentElement.classList.add("js");

// --- light and dark ---
const theme = document.getElementById("theme");
const darkNow = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
const nameTheme = () => { theme.textContent = darkNow() ? "light" : "dark"; };
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = darkNow() ? "light" : "dark";
  nameTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
nameTheme();

// --- what stands beside the pointer ---
const tip = document.getElementById("tip");
function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const right = document.documentElement.clientWidth - box.width - 8;
  const above = y - box.height - 14;
  tip.style.left = `${Math.max(8, Math.min(x - box.width / 2, right))}px`;
  tip.style.top = `${above < 8 ? y + 18 : above}px`;
}
const hideTip = () => { tip.hidden = true; };
const tipAt = (text, element) => {
  const box = element.getBoundingClientRect();
  showTip(text, box.left + box.width / 2, box.top);
};
for (const cell of find("[data-tip]")) {
  for (const event of ["pointerenter", "focus"]) {
    cell.addEventListener(event, () => tipAt(cell.dataset.tip, cell));
  }
  for (const event of ["pointerleave", "blur"]) cell.addEventListener(event, hideTip);
}
addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
addEventListener("scroll", hideTip, { passive: true });

// --- tables ---
function sortBy(table, column, direction) {
  const body = table.tBodies[0];
  const entry = (row) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
  };
  const rows = [...body.rows];
  const numeric = rows.some((row) => entry(row) !== null);
  rows.sort((a, b) => {
    if (!numeric) {
      const [left, right] = [a, b].map((row) => row.cells[column].textContent);
      return direction * left.localeCompare(right, "en", { numeric: true });
    }
    const [left, right] = [entry(a), entry(b)];
    if (left === null || right === null) return (left === null) - (right === null); // empty last
    return direction * (left - right);
  });
  body.append(...rows);
}
for (const table of find("table.sortable")) {
  const heads = find("th[aria-sort]", table);
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sortBy(table, column, ascending ? 1 : -1);
    });
  });
}

// --- the heat map's two scores ---
for (const choice of find("input[name=epoch]")) {
  choice.addEventListener("change", () => {
    for (const cell of find(".heatcell")) {
      const shown = JSON.parse(cell.dataset.shown)[choice.value];
      cell.classList.remove(...[...cell.classList].filter((name) => /^h\d+$/.test(name)));
      cell.querySelector("b").textContent = shown ? shown[0] : "\u2013";
      cell.querySelector("small").textContent = shown ? shown[1] : "";
      if (!shown) { delete cell.dataset.value; continue; }
      cell.classList.add(shown[2]);
      cell.dataset.value = shown[3];
    }
  });
}

// --- commands and settings ---
for (const button of find("button.copy")) {
  const code = button.closest(".command").querySelector("code");
  const done = () => {
    button.textContent = "copied";
    document.getElementById("said").textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1600);
  };
  const byHand = () => {
    getSelection().selectAllChildren(code);
    if (document.execCommand("copy")) done();
  };
  button.addEventListener("click", () => {
    if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, byHand);
    else byHand();
  });
}
document.getElementById("only-differences")?.addEventListener("change", (event) => {
  document.querySelector(".settings").classList.toggle("only", event.target.checked);
  if (event.target.checked) find(".settings details").forEach((group) => { group.open = true; });
});

// --- drawing ---
function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
const paint = (label) => (label in data.colours ? `c${data.colours[label] % 7}` : "cink");
const shape = (label) => data.shapes[data.colours[label] % data.shapes.length];

// Draw into a box at its own width, and again whenever that changes.
function atWidth(box, draw) {
  let last = 0;
  new ResizeObserver(() => {
    const width = Math.floor(box.clientWidth);
    if (width && width !== last) { last = width; draw(width); }
  }).observe(box);
}
