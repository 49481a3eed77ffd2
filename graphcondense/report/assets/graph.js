
// --- condensed graphs ---
function graphPicture(box, graph) {
  const near = graph.nodes.map(() => []);
  graph.edges.forEach(([i, j], e) => { near[i].push([j, e]); near[j].push([i, e]); });
  const classOf = new Map(graph.nodes.map((node) => [node[0], node[3]]));
  const heaviest = Math.max(...graph.nodes.map((node) => node[5]), 1e-12);
  const base = graph.nodes.length > 400 ? 3 : graph.nodes.length > 150 ? 4.5 : 6;
  const sizes = graph.nodes.map((node) => base * (0.8 + 0.6 * Math.sqrt(node[5] / heaviest)));
  let [width, height, zoom, panX, panY] = [0, 0, 1, 0, 0];
  let chosenClass = null, focused = null, picture = null, current = 0;
  const edges = graph.edges.map(([, , s]) => svg("line", {
    class: "edge", "stroke-width": (0.6 + 2.2 * s).toFixed(2), "stroke-opacity": (0.16 + 0.7 * s).toFixed(2),
  }));
  const called = (c) => (c < 0 ? "no class" : `class ${c}`);
  const words = ([id, , , c, degree, strength, neighbours]) => [
    `node ${id}, ${called(c)}`,
    `degree ${degree}` + (degree ? `, weight ${short(strength)}` : ""),
    ...(neighbours.length ? ["strongest neighbours:"] : []),
    ...neighbours.map(([j, w]) => `  ${j}` + (classOf.has(j) ? ` (${called(classOf.get(j))})` : "") + `, weight ${short(w)}`),
  ].join("\n");
  const nodes = graph.nodes.map((node, i) => {
    const c = node[3];
    const text = words(node);
    const mark = svg("path", {
      class: `node ${c < 0 ? "cink" : `c${c % 7}`}`, d: data.shapes[Math.floor(Math.max(c, 0) / 7) % data.shapes.length],
      role: "img", tabindex: i ? -1 : 0, "aria-label": text.replaceAll("\n", ", "), "stroke-width": (1.4 / sizes[i]).toFixed(3),
    });
    mark.addEventListener("pointerenter", () => { light(i); tipAt(text, mark); });
    mark.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") { light(null); hideTip(); } });
    mark.addEventListener("focus", () => { current = i; light(i); tipAt(text, mark); });
    mark.addEventListener("blur", () => { light(null); hideTip(); });
    mark.addEventListener("keydown", (event) => {
      const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!way) return;
      event.preventDefault();
      mark.setAttribute("tabindex", -1);
      const next = nodes[(i + way + nodes.length) % nodes.length];
      next.setAttribute("tabindex", 0);
      next.focus({ preventScroll: true });
    });
    return mark;
  });

  function light(i) {
    focused = i;
    const mine = new Set(i === null ? [] : [i, ...near[i].map(([j]) => j)]);
    const lines = new Set(i === null ? [] : near[i].map(([, e]) => e));
    const inClass = (n) => chosenClass === null || graph.nodes[n][3] === chosenClass;
    nodes.forEach((mark, n) => mark.classList.toggle("faint", i === null ? !inClass(n) : !mine.has(n)));
    edges.forEach((line, e) => {
      const [a, b] = graph.edges[e];
      line.classList.toggle("lit", lines.has(e));
      line.classList.toggle("faint", i === null ? !(inClass(a) && inClass(b)) : !lines.has(e));
    });
  }

  function place() {
    const margin = 22, top = 48; // below the buttons
    const at = graph.nodes.map(([, x, y]) => [
      (margin + x * (width - 2 * margin) - width / 2) * zoom + width / 2 + panX,
      (top + (1 - y) * (height - top - margin) - height / 2) * zoom + height / 2 + panY,
    ]);
    const grow = Math.sqrt(zoom) * Math.min(1, 0.55 + width / 1400);
    nodes.forEach((mark, i) => mark.setAttribute("transform", `translate(${at[i][0].toFixed(1)},${at[i][1].toFixed(1)}) scale(${(sizes[i] * grow).toFixed(2)})`));
    edges.forEach((line, e) => {
      const [a, b] = graph.edges[e];
      line.setAttribute("x1", at[a][0].toFixed(1));
      line.setAttribute("y1", at[a][1].toFixed(1));
      line.setAttribute("x2", at[b][0].toFixed(1));
      line.setAttribute("y2", at[b][1].toFixed(1));
    });
  }

  function zoomBy(factor, x = width / 2, y = height / 2) {
    const next = Math.max(1, Math.min(12, zoom * factor));
    const change = next / zoom;
    panX = (panX + width / 2 - x) * change + x - width / 2;
    panY = (panY + height / 2 - y) * change + y - height / 2;
    zoom = next;
    if (zoom === 1) [panX, panY] = [0, 0];
    picture.style.touchAction = zoom > 1 ? "none" : "";
    place();
  }

  const local = (event) => {
    const frame = picture.getBoundingClientRect();
    return [(event.clientX - frame.left) * width / frame.width, (event.clientY - frame.top) * height / frame.height];
  };
  function moves(element) {
    const down = new Map();
    element.addEventListener("pointerdown", (event) => down.set(event.pointerId, local(event)));
    element.addEventListener("pointermove", (event) => {
      if (!down.has(event.pointerId)) return;
      const before = [...down.values()], old = down.get(event.pointerId), now = local(event);
      down.set(event.pointerId, now);
      if (down.size === 1 && zoom > 1) { panX += now[0] - old[0]; panY += now[1] - old[1]; place(); }
      if (down.size === 2) {
        const after = [...down.values()];
        const gap = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
        zoomBy(gap(after) / gap(before), (after[0][0] + after[1][0]) / 2, (after[0][1] + after[1][1]) / 2);
      }
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) element.addEventListener(end, (event) => down.delete(event.pointerId));
    element.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // a plain wheel scrolls the page; a pinch comes with ctrl
      event.preventDefault();
      zoomBy(Math.exp(-event.deltaY / 150), ...local(event));
    }, { passive: false });
    element.addEventListener("click", (event) => { if (event.target === element) { light(null); hideTip(); } });
  }

  picture = svg("svg", { role: "group", "aria-label": box.dataset.label }, svg("title", {}, box.dataset.label), ...edges, ...nodes);
  moves(picture);
  box.append(picture);
  atWidth(box, (w) => {
    width = w;
    height = Math.round(Math.min(640, w * (w < 500 ? 1 : w < 700 ? 0.86 : 0.62)));
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    place();
  });
  return {
    highlight(c) { chosenClass = c; light(focused); },
    zoom(way) { if (way) zoomBy(way > 0 ? 1.5 : 1 / 1.5); else zoomBy(0); },
  };
}

const pictures = {};
for (const box of find(".graph")) pictures[box.dataset.graph] = graphPicture(box, data.graphs[box.dataset.graph]);
for (const legend of find(".classes")) {
  const buttons = find("button", legend);
  const picture = pictures[legend.dataset.graph];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      buttons.forEach((other) => other.setAttribute("aria-pressed", on && other === button));
      picture.highlight(on ? Number(button.dataset.class) : null);
    });
  }
}
for (const box of find(".zoom")) {
  for (const button of find("button", box)) {
    button.addEventListener("click", () => pictures[box.dataset.graph].zoom(Number(button.dataset.zoom)));
  }
}
