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
  const buttons = [...document.querySelectorAll("[data-genre]")];
  const played = Object.fromEntries([...document.querySelectorAll("audio[data-clip]")].map(e => [e.dataset.clip, e.src]));
  const members = data.groups.map(() => []);
  data.group.forEach((group, i) => members[group]?.push(i));
  const is_wrong = i => data.predicted[i] >= 0 && data.predicted[i] !== data.actual[i];
  let chosen = -1, shown = [], drawn = false;

  let [width, height] = [0, 0];
  const place = i => [14 + data.x[i] / 1000 * (width - 28), 14 + (1 - data.y[i] / 1000) * (height - 28)];
  const stamp = (size, paint) => { // a mark is drawn once, and then copied
    const scale = size * devicePixelRatio, mark = new OffscreenCanvas(20 * scale, 20 * scale), pen = mark.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 10 * scale, 10 * scale);
    paint(pen);
    return mark;
  };
  const ring = (size, ink, line) => stamp(size, pen => { pen.strokeStyle = ink; pen.lineWidth = line; pen.arc(0, 0, 7, 0, 7); pen.stroke(); });
  const draw = () => {
    const scale = devicePixelRatio, pen = chart.getContext("2d"), ink = getComputedStyle(chart).color;
    [width, height] = [chart.clientWidth, chart.clientHeight];
    [chart.width, chart.height] = [width * scale, height * scale];
    const copy = (i, mark) => { const [x, y] = place(i); pen.drawImage(mark, x * scale - mark.width / 2, y * scale - mark.height / 2); };
    const joined = { one: members[data.group[chosen]] ? [data.group[chosen]] : [], all: [...members.keys()] }[join.value] ?? [];
    const visible = new Set(shown);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.strokeStyle = ink; pen.globalAlpha = joined.length > 1 ? .25 : .8; pen.beginPath();
    for (const group of joined) {
      const places = members[group].filter(i => visible.has(i)).map(place), mean = [0, 1].map(k => places.reduce((sum, p) => sum + p[k], 0) / places.length);
      for (const to of places) { pen.moveTo(...mean); pen.lineTo(...to); }
    }
    pen.stroke(); pen.resetTransform(); pen.globalAlpha = .85;
    const marks = data.genres.map((_, k) => stamp(1, pen => {
      pen.fillStyle = data.colours[k % data.colours.length]; pen.fill(new Path2D(data.shapes[k % data.shapes.length])); }));
    for (const i of shown) copy(i, marks[data.actual[i]]);
    const mistake = ring(1, ink, 1.2);
    for (const i of shown) if (is_wrong(i)) copy(i, mistake);
    pen.globalAlpha = 1;
    if (chosen >= 0) copy(chosen, ring(1.7, ink, 1.5));
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
    const cell = (tag, content) => { const element = document.createElement(tag); element.append(content); return element; };
    list.querySelectorAll("[aria-sort]").forEach(head => head.removeAttribute("aria-sort"));
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
    const distances = shown.map(i => { const [x, y] = place(i); return Math.hypot(x - event.offsetX, y - event.offsetY); });
    const nearest = distances.reduce((best, distance, k) => distance < distances[best] ? k : best, 0);
    if (shown.length) choose(shown[nearest]);
  });
  new ResizeObserver(redraw).observe(chart);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  select();
};
const map_data = document.getElementById("map-data");
if (map_data) draw_map(JSON.parse(map_data.textContent));
