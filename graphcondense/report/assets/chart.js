
// --- lines over steps or trainings ---
const short = (value) => {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(size >= 100 ? 5 : 4))).replace(/\B(?=(\d{3})+$)/g, size >= 1e4 ? "," : "");
};

function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((m) => m * power >= raw * 0.999) * power;
  const out = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    out.push(Number((i * step).toPrecision(12)));
  }
  return out;
}

function logTicks(low, high) {
  const out = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) {
    for (const m of high / low > 1000 ? [1] : high / low > 30 ? [1, 3] : [1, 2, 5]) out.push(m * 10 ** e);
  }
  const inside = out.filter((v) => v >= low * 0.999 && v <= high * 1.001);
  return inside.length > 1 ? inside : ticks(low, high, 4).filter((v) => v > 0);
}

function lineChart(box, chart) {
  const hidden = new Set();
  let width = 0;
  function draw() {
    const lines = chart.lines.filter((line) => !hidden.has(line.label) && line.points.length);
    const height = Math.round(Math.min(360, Math.max(230, width * 0.42)));
    const left = 58, right = 18, top = 26, bottom = 44;
    const picture = svg("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: 0, "aria-label": box.dataset.label,
    }, svg("title", {}, `${chart.y} by ${chart.x}`));
    const xs = lines.flatMap((line) => line.points.map((p) => p[0]));
    const ys = lines.flatMap((line) => [...line.points.map((p) => p[1]), ...(line.band || []).flatMap((b) => [b[1], b[2]])]);
    const log = chart.log && lines.length;
    let [x0, x1] = chart.ends || [Math.min(...xs), Math.max(...xs)];
    let [y0, y1] = [Math.min(...ys), Math.max(...ys)];
    if (!lines.length) [x0, x1, y0, y1] = [0, 1, 0, 1];
    if (x0 === x1) [x0, x1] = [x0 - 1, x1 + 1];
    const room = log ? Math.max(y1 / y0, 1.02) ** 0.06 : 0.08 * (y1 - y0) || 1;
    [y0, y1] = log ? [y0 / room, y1 * room] : [y0 - room, y1 + room];
    const value = log ? Math.log10 : (v) => v;
    const along = chart.count ? Math.log10 : (v) => v; // trainings are counted on a log scale
    const X = (x) => left + (along(x) - along(x0)) / (along(x1) - along(x0)) * (width - left - right);
    const fromX = (x) => {
      const share = (x - left) / (width - left - right), at = along(x0) + share * (along(x1) - along(x0));
      return Math.max(x0, Math.min(x1, chart.count ? 10 ** at : at));
    };
    const Y = (y) => height - bottom - (value(y) - value(y0)) / (value(y1) - value(y0)) * (height - top - bottom);
    for (const y of log ? logTicks(y0, y1) : ticks(y0, y1, 5)) {
      picture.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: Y(y), y2: Y(y) }));
      picture.append(svg("text", { x: left - 8, y: Y(y) + 4, "text-anchor": "end" }, short(y)));
    }
    for (const x of chart.count ? logTicks(x0, x1) : ticks(x0, x1, Math.max(3, Math.floor(width / 110)))) {
      picture.append(svg("line", { class: "axis", x1: X(x), x2: X(x), y1: height - bottom, y2: height - bottom + 5 }));
      picture.append(svg("text", { x: X(x), y: height - bottom + 19, "text-anchor": "middle" }, short(x)));
    }
    picture.append(svg("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }));
    picture.append(svg("text", { class: "name", x: 8, y: 15 }, chart.y + (log && !chart.count ? " (log scale)" : "")));
    picture.append(svg("text", { class: "name", x: width - right, y: height - 6, "text-anchor": "end" }, chart.x));
    const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${X(x).toFixed(1)},${Y(y).toFixed(1)}`).join("");
    for (const line of lines) {
      const group = svg("g", { class: paint(line.label) });
      if (line.band && line.band.some((b) => b[1] !== b[2])) {
        const there = path(line.band.map((b) => [b[0], b[2]]));
        const back = path(line.band.map((b) => [b[0], b[1]]).reverse()).replace("M", "L");
        group.append(svg("path", { class: "band", d: `${there}${back}Z` }));
      }
      const dash = line.dash ? { "stroke-dasharray": line.dash } : {};
      group.append(svg("path", { class: "curve", d: path(line.points), ...dash }));
      if (!line.ink) {
        const every = line.dots ? 1 : Math.max(1, Math.round(line.points.length / 6));
        line.points.forEach(([x, y], i) => {
          if (i % every && i !== line.points.length - 1) return;
          group.append(symbol(line.label, X(x), Y(y), 4.2));
        });
      }
      picture.append(group);
    }
    const taken = [];
    for (const line of lines) {
      for (const mark of line.marks || []) {
        const [x, y] = [X(mark.x), Y(mark.y)];
        let up = y - 12;
        while (taken.some(([tx, ty]) => Math.abs(tx - x) < 54 && Math.abs(ty - up) < 15) && up > top) up -= 15;
        taken.push([x, up]);
        const anchor = x > width - 70 ? "end" : "middle";
        picture.append(svg("g", { class: `mark ${paint(line.label)}` },
          svg("circle", { class: "ring", cx: x, cy: y, r: 6 }),
          svg("text", { x, y: up, "text-anchor": anchor }, mark.text)));
      }
    }
    const cross = svg("line", { class: "cross", y1: top, y2: height - bottom, visibility: "hidden" });
    picture.append(cross);
    // The value of every line at a place on the x axis.
    const stops = [...new Set(lines.flatMap((line) => line.points.map((p) => p[0])))].sort((a, b) => a - b);
    function point(at, y) {
      if (!lines.length) return;
      const x = chart.count ? Math.round(at)
        : stops.reduce((best, stop) => (Math.abs(stop - at) < Math.abs(best - at) ? stop : best));
      const said = lines.map((line) => {
        const found = between(line.points, x);
        return found === null ? null : `${line.label}: ${short(found)}`;
      });
      cross.setAttribute("x1", X(x));
      cross.setAttribute("x2", X(x));
      cross.setAttribute("visibility", "visible");
      const frame = picture.getBoundingClientRect();
      showTip([`${chart.x} ${short(x)}`, ...said.filter(Boolean)].join("\n"), frame.left + X(x) * frame.width / width, y ?? frame.top + 40);
      return x;
    }
    const leave = () => { cross.setAttribute("visibility", "hidden"); hideTip(); };
    picture.addEventListener("pointermove", (event) => {
      const frame = picture.getBoundingClientRect();
      point(fromX((event.clientX - frame.left) * width / frame.width), event.clientY);
    });
    picture.addEventListener("pointerleave", leave);
    picture.addEventListener("blur", leave);
    let place = null;
    picture.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!way) return;
      event.preventDefault();
      const gap = chart.count ? 1 : (x1 - x0) / 40;
      place = point(Math.max(x0, Math.min(x1, (place ?? x0) + way * gap)));
    });
    box.replaceChildren(picture);
  }
  atWidth(box, (w) => { width = w - 12; draw(); });
  return (label, on) => { if (on) hidden.delete(label); else hidden.add(label); draw(); };
}

function symbol(label, x, y, size) {
  return svg("path", { class: "point", d: shape(label), transform: `translate(${x.toFixed(1)},${y.toFixed(1)}) scale(${size})` });
}

// A line's value at x: null beyond its ends.
function between(points, x) {
  if (!points.length || x < points[0][0] || x > points.at(-1)[0]) return null;
  const i = points.findIndex((p) => p[0] >= x), [b, a] = [points[i], points[Math.max(0, i - 1)]];
  return a[0] === b[0] ? b[1] : a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0]);
}

const toggles = {};
for (const box of find(".chart")) toggles[box.dataset.chart] = lineChart(box, data.charts[box.dataset.chart]);
for (const legend of find(".legend[data-charts]")) {
  for (const button of find("button", legend)) {
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", on);
      for (const name of legend.dataset.charts.split(" ")) toggles[name](button.dataset.line, on);
    });
  }
}
