for (const table of document.querySelectorAll("table.sortable"))
  table.querySelectorAll("thead th").forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const rising = head.getAttribute("aria-sort") === "descending";
    table.querySelectorAll("thead th").forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const value = row => { const cell = row.cells[column]; return cell.dataset.v ?? cell.textContent.trim(); };
    const order = (a, b) => { const [x, y] = [value(a), value(b)], [p, q] = [parseFloat(x), parseFloat(y)];
      return isNaN(p) || isNaN(q) ? x.localeCompare(y) : p - q; };
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort((a, b) => rising ? order(a, b) : order(b, a)));
  }));

const draw_map = data => {
  const [chart, named, player, join, mistakes, list] =
    ["chart", "named", "player", "join", "mistakes", "points"].map(id => document.getElementById(id));
  const buttons = [...document.querySelectorAll("[data-genre]")], shapes = data.shapes.map(d => new Path2D(d));
  const played = Object.fromEntries([...document.querySelectorAll("audio[data-clip]")].map(e => [e.dataset.clip, e.src]));
  const ring = new Path2D("M-7,0a7,7 0 1 0 14,0a7,7 0 1 0 -14,0");
  const groups = Map.groupBy(data.clips.keys(), i => data.group[i]);
  const is_wrong = i => data.predicted[i] >= 0 && data.predicted[i] !== data.actual[i];
  let chosen = -1, shown = [], drawn = false;

  const place = i => [14 + data.x[i] / 1000 * (chart.clientWidth - 28), 14 + (1 - data.y[i] / 1000) * (chart.clientHeight - 28)];
  const draw = () => {
    const scale = devicePixelRatio, pen = chart.getContext("2d"), ink = getComputedStyle(chart).color;
    [chart.width, chart.height] = [chart.clientWidth * scale, chart.clientHeight * scale];
    const mark = (i, shape, size, paint) => {
      const [x, y] = place(i);
      pen.setTransform(size, 0, 0, size, x * scale, y * scale);
      paint(shape);
    };
    const joined = { one: chosen < 0 ? [] : [data.group[chosen]], all: [...groups.keys()] }[join.value] ?? [];
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.strokeStyle = ink; pen.globalAlpha = joined.length > 1 ? .25 : .8; pen.beginPath();
    for (const group of joined.filter(group => group >= 0)) {
      const places = groups.get(group).map(place), mean = [0, 1].map(k => places.reduce((sum, p) => sum + p[k], 0) / places.length);
      for (const to of places) { pen.moveTo(...mean); pen.lineTo(...to); }
    }
    pen.stroke(); pen.globalAlpha = .85;
    for (const i of shown) {
      pen.fillStyle = data.colours[data.actual[i] % data.colours.length];
      mark(i, shapes[data.actual[i] % shapes.length], scale, shape => pen.fill(shape));
    }
    pen.lineWidth = 1.2;
    for (const i of shown) if (is_wrong(i)) mark(i, ring, scale, shape => pen.stroke(shape));
    pen.lineWidth = 1.5; pen.globalAlpha = 1;
    if (chosen >= 0) mark(chosen, ring, 1.7 * scale, shape => pen.stroke(shape));
  };
  const redraw = () => { if (!drawn) { drawn = true; requestAnimationFrame(() => { drawn = false; draw(); }); } };
  const choose = i => {
    chosen = i;
    const name = data.clips[i], answer = data.predicted[i] < 0 ? "not tested" : `predicted ${data.genres[data.predicted[i]]}`;
    const mp3 = data.sounds[i], sound = mp3 ? `data:audio/mpeg;base64,${mp3}` : played[name];
    named.textContent = `${name}: ${data.genres[data.actual[i]]}, ${answer}${player && !sound ? " (no sound on this page)" : ""}`;
    if (player && sound) { player.src = sound; player.play().catch(() => {}); } else player?.pause();
    redraw();
  };
  const fill = () => {
    if (!list.open) return;
    const cell = (tag, content) => { const made = document.createElement(tag); made.append(content); return made; };
    list.querySelector("tbody").replaceChildren(...shown.map(i => {
      const row = document.createElement("tr"), button = cell("button", data.clips[i]), head = cell("th", button);
      head.scope = "row"; button.type = "button"; button.dataset.place = i;
      row.append(head, cell("td", data.genres[data.actual[i]]), cell("td", data.genres[data.predicted[i]] ?? ""),
        cell("td", data.groups[data.group[i]] ?? ""));
      return row;
    }));
  };
  const select = () => {
    const pressed = buttons.filter(b => b.getAttribute("aria-pressed") === "true").map(b => +b.dataset.genre);
    shown = [...data.clips.keys()].filter(i =>
      (!pressed.length || pressed.includes(data.actual[i])) && (!mistakes.checked || is_wrong(i)));
    fill(); redraw();
  };

  for (const button of buttons) button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true"); select();
  });
  mistakes.addEventListener("change", select);
  join.addEventListener("change", redraw);
  list.addEventListener("toggle", fill);
  list.addEventListener("click", event => { const i = event.target.dataset.place; if (i) choose(+i); });
  chart.addEventListener("click", event => {
    const distance = i => Math.hypot(place(i)[0] - event.offsetX, place(i)[1] - event.offsetY);
    if (shown.length) choose(shown.reduce((best, i) => distance(i) < distance(best) ? i : best));
  });
  new ResizeObserver(redraw).observe(chart);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  select();
};
const map_data = document.getElementById("map-data");
if (map_data) draw_map(JSON.parse(map_data.textContent));
