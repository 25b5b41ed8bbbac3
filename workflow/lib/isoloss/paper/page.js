"use strict";
(async () => {
  const FIRST = 30, MORE = 60; // rows shown at first, and at each asking
  const byId = (id) => document.getElementById(id);

  // --- what the page holds

  function unpacked(id) {
    const text = atob(byId(id).textContent), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream);
  }

  let data, curves;
  try {
    data = await unpacked("runs-data").json();
    curves = readable(new Uint8Array(await unpacked("curves-data").arrayBuffer()));
  } catch (error) {
    byId("fault").textContent = `The data of this page cannot be unpacked (${error}). It takes a ` +
      "browser from 2023 or later; the same numbers are in the table results/quality.";
    byId("fault").hidden = false;
    return;
  }

  // The reverse of `_numbers` and `_planes` in page.py, for one curve and one sign.
  function readable(bytes) {
    const half = bytes.length / 2, places = data.places, length = data.curves.length * places;
    const number = (i) => bytes[i] | (bytes[half + i] << 8);
    const count = (half - 2 * length) / 3;
    let before = 0;
    const of = data.panels.low.map(() => []);
    data.curves.forEach((panel, i) => of[panel].push(i));
    return {
      of, // the curves of each panel
      first: data.marks.map((n) => (before += n) - n), // the first sign of each panel
      curve(i) { // place, lowest and highest level, where there is a value
        const found = [];
        for (let place = 0, low = 0; place < places; place++) {
          const step = number(i * places + place), span = number(length + i * places + place);
          low += step & 1 ? -(step + 1) / 2 : step / 2;
          if (span) found.push([place, low, low + span - 1]);
        }
        return found;
      },
      sign: (i) => [0, 1, 2].map((which) => number(2 * length + which * count + i)),
    };
  }

  const total = data.run.length;
  const findings = [...new Set(data.findings.flat().map(([name]) => name))];
  const label = (i) => data.arms[data.arm[i]] ?? data.arm[i] ?? "";
  const searched = data.run.map((name, i) =>
    [name, data.arm[i], label(i), data.model[i], data.state[i], data.format[i], data.why[i],
      data.notes[i], ...data.findings[i].flat(), ...data.flags[i].map(([flag]) => flag)]
      .join("\n").toLowerCase());

  // --- numbers as a person reads them

  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

  function large(number) { // 12.4 B
    for (const [unit, size] of [["T", 1e12], ["B", 1e9], ["M", 1e6]]) {
      if (number >= size) return `${+(number / size).toPrecision(3)} ${unit}`;
    }
    return whole.format(number);
  }

  function short(number) { // a tick
    if (number >= 1e6) return large(number).replace(" ", "");
    return number >= 1e3 ? `${+(number / 1e3).toPrecision(3)}k` : `${+number.toPrecision(3)}`;
  }

  const TEXT = {
    loss: (number) => number.toFixed(4),
    tokens: large,
    count: (number) => whole.format(number),
    word: (text) => text,
    steps: (last, i) => [...new Set([data.first_step[i], last].map((n) => whole.format(n)))].join("–"),
  };
  // Without resumes and broken records nobody needs to see that there are none.
  const LEAST = { quarantined: 1, segments: 2 };
  const columns = data.columns.filter(([key]) =>
    data[key].some((cell) => (typeof cell === "number" ? cell >= (LEAST[key] ?? 0) : cell)));

  // --- elements

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function prose(text) { // `code` in backquotes
    return text.split(/`([^`]+)`/).map((part, i) => (i % 2 ? element("code", {}, part) : part));
  }

  const badge = (name) => element("span", { class: `state ${name}` }, name);

  function row(i) {
    const below = notes(i);
    const cell = (name, ...children) => element("td", { role: "cell", class: name }, ...children);
    const name = element("th", { scope: "row", role: "rowheader" }, data.run[i],
      element("small", {}, [label(i), data.model[i]].filter(Boolean).join(" · ")));
    const cells = columns.map(([key, kind, heading]) => {
      const value = data[key][i];
      const text = value === null || value === "" ? "" : TEXT[kind](value, i);
      const made = cell(kind === "word" ? "" : "number", text);
      made.dataset.label = heading;
      return made;
    });
    const verdict = cell("verdict", badge(data.state[i])), curve = cell("curve", picture(i));
    if (below.length) verdict.rowSpan = curve.rowSpan = 2;
    const body = element("tbody", { role: "rowgroup" },
      element("tr", { role: "row" }, verdict, curve, name, ...cells));
    if (below.length) {
      const wide = cell("", ...below);
      wide.colSpan = columns.length + 1;
      body.append(element("tr", { role: "row", class: "more" }, wide));
    }
    return body;
  }

  function notes(i) {
    const lines = data.findings[i].map(([name, words]) =>
      element("p", {}, element("b", {}, name), ": ", ...prose(words), ". ",
        element("span", { class: "do" }, "To do: ", ...prose(data.advice[name]), ".")));
    if (data.why[i]) lines.unshift(element("p", {}, element("b", {}, data.why[i])));
    const flagged = data.flags[i].map(([name, count]) => `${name} ${whole.format(count)}`);
    if (flagged.length) lines.push(element("p", { class: "quiet" }, `flagged: ${flagged.join(", ")}`));
    if (data.notes[i]) lines.push(element("p", { class: "quiet" }, `reader: ${data.notes[i]}`));
    return lines;
  }

  // --- curves

  const seen = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) =>
    isIntersecting ? draw(target) : (target.width = target.height = 0)), // a picture out of sight takes no memory
  { rootMargin: "300px" });

  function picture(i) {
    const panel = data.panel[i];
    if (panel < 0) return element("span", { class: "none" }, "no curve");
    const { unit, start, end, low, high } = data.panels;
    const axis = data.units[unit[panel]];
    const canvas = element("canvas", {
      role: "img",
      "aria-label": `Loss between ${short(low[panel])} and ${short(high[panel])} from ${axis} ` +
        `${short(start[panel])} to ${short(end[panel])}`,
    });
    canvas.dataset.panel = panel;
    seen.observe(canvas);
    return canvas;
  }

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

  function sharp(canvas) { // a context in dots of the page
    const scale = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    return { pen, width, height };
  }

  // A few round numbers between two: powers of ten over a wide range; 1, 2 and 5; else multiples.
  function ticks(low, high) {
    if (high === low) return [low];
    const first = Math.floor(Math.log10(low) + 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
    if (high >= 4 * low) {
      const far = last - first > 1;
      const powers = range(first, last, far ? Math.ceil((last - first) / 4) : 1).map((n) => 10 ** n);
      return powers.flatMap((power) => (far ? [1] : [1, 2, 5]).map((digit) => digit * power))
        .filter((number) => low <= number && number <= high);
    }
    for (let power = 10 ** last; ; power /= 10) {
      for (const step of [5 * power, 2 * power, power]) {
        const from = Math.ceil(low / step), to = Math.floor(high / step);
        if (to > from) return range(from, to, 1).map((n) => n * step);
      }
    }
  }

  function range(from, to, every) {
    const numbers = [];
    for (let n = from; n <= to; n += every) numbers.push(n);
    return numbers;
  }

  function draw(canvas) {
    const panel = +canvas.dataset.panel;
    const { pen, width, height } = sharp(canvas);
    const { unit, start, end, low, high } = data.panels;
    const box = { left: 34, right: width - 8, top: 5, bottom: height - 16 };
    const across = (share) => box.left + share * (box.right - box.left);
    const up = (level) => box.bottom - (level / data.levels) * (box.bottom - box.top);
    const share = (value, from, to) => (to > from ? Math.log(value / from) / Math.log(to / from) : 0.5);
    pen.font = "10px system-ui, sans-serif";
    pen.fillStyle = color("--quiet");
    pen.strokeStyle = color("--line");
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const value of ticks(low[panel], high[panel])) {
      const y = up(share(value, low[panel], high[panel]) * data.levels);
      line(pen, [[box.left, y], [box.right, y]]);
      pen.fillText(short(value), box.left - 4, y);
    }
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const value of ticks(start[panel], end[panel])) {
      const x = across(share(value, start[panel], end[panel]));
      line(pen, [[x, box.top], [x, box.bottom]]);
      pen.fillText(short(value), Math.min(x, width - 14), box.bottom + 4);
    }
    if (unit[panel]) {
      pen.textAlign = "left";
      pen.fillText(data.units[unit[panel]], 0, box.bottom + 4);
    }
    for (const i of curves.of[panel]) {
      pen.strokeStyle = pen.fillStyle = color(`--curve-${data.metric[i] % 3}`);
      const points = [];
      for (const [place, least, most] of curves.curve(i)) {
        const x = across((place + 0.5) / data.places);
        const ends = [[x, up(least)], [x, up(most)]];
        const last = points.at(-1);
        if (last && Math.abs(ends[1][1] - last[1]) < Math.abs(ends[0][1] - last[1])) ends.reverse();
        points.push(...ends);
      }
      line(pen, points);
      if (points.length < 5) points.forEach(([x, y]) => sign(pen, ".", x, y));
    }
    for (let i = 0; i < data.marks[panel]; i++) {
      const [place, level, reason] = curves.sign(curves.first[panel] + i);
      const [name, tone, shape] = data.looks[reason];
      pen.strokeStyle = pen.fillStyle = ink(tone);
      sign(pen, shape, across((place + 0.5) / data.marked), up(level));
    }
  }

  const ink = (tone) => (tone === "#000000" ? color("--text") : tone);

  function line(pen, points) {
    pen.beginPath();
    points.forEach(([x, y]) => pen.lineTo(x, y));
    pen.stroke();
  }

  const SHAPES = { // corners, in dots
    "^": [[-3, 2.5], [3, 2.5], [0, -3]],
    v: [[-3, -2.5], [3, -2.5], [0, 3]],
    "<": [[2.5, -3], [2.5, 3], [-3, 0]],
    s: [[-2.3, -2.3], [2.3, -2.3], [2.3, 2.3], [-2.3, 2.3]],
  };

  function sign(pen, shape, x, y) {
    if (shape === "x") {
      line(pen, [[x - 2.5, y - 2.5], [x + 2.5, y + 2.5]]);
      line(pen, [[x - 2.5, y + 2.5], [x + 2.5, y - 2.5]]);
      return;
    }
    pen.beginPath();
    if (shape in SHAPES) SHAPES[shape].forEach(([right, down]) => pen.lineTo(x + right, y + down));
    else pen.arc(x, y, 1.7, 0, 7);
    pen.fill();
  }

  // --- which runs, in which order

  const view = { words: "", state: "", arm: "", finding: "", key: "state", down: false, shown: FIRST };
  const collator = new Intl.Collator("en", { numeric: true });
  const worst = new Map(data.states.map(([name], i) => [name, i]));
  let chosen = [];

  function choose() {
    const words = view.words.toLowerCase().split(/\s+/).filter(Boolean);
    chosen = [...data.run.keys()].filter((i) =>
      (!view.state || data.state[i] === view.state) && (!view.arm || data.arm[i] === view.arm) &&
      (!view.finding || data.findings[i].some(([name]) => name === view.finding)) &&
      words.every((word) => searched[i].includes(word)));
    const values = view.key === "state" ? data.state.map((name) => worst.get(name)) : data[view.key];
    const without = (value) => value === null || value === "";
    chosen.sort((a, b) => {
      const [x, y] = [values[a], values[b]];
      if (without(x) || without(y)) return without(x) - without(y) || a - b; // last, either way
      const order = typeof x === "number" ? x - y : collator.compare(x, y);
      return (view.down ? -order : order) || a - b;
    });
    view.shown = FIRST;
    show();
  }

  const table = byId("runs");

  function show() {
    table.querySelectorAll("canvas").forEach((canvas) => seen.unobserve(canvas));
    table.replaceChildren(table.caption, table.tHead, ...chosen.slice(0, view.shown).map(row));
    told();
  }

  function told() {
    const shown = Math.min(view.shown, chosen.length), n = whole.format(chosen.length);
    const some = chosen.length === total ? `${n} runs` : `${n} of ${whole.format(total)} runs`;
    byId("status").textContent = shown < chosen.length ? `${some}, ${shown} shown` : some;
    byId("more").hidden = shown === chosen.length;
  }

  function more() {
    const added = chosen.slice(view.shown, view.shown + MORE);
    view.shown += added.length;
    table.append(...added.map(row));
    told();
  }

  function headings() {
    const listed = [["state", "", "Verdict"], [null, "", "Curve"], ["run", "", "Run"], ...columns];
    table.tHead.replaceChildren(element("tr", { role: "row" }, ...listed.map(([key, kind, name]) => {
      const made = element("th", { scope: "col", role: "columnheader" });
      if (kind && kind !== "word") made.className = "number";
      if (key === null) {
        made.append(name);
        return made;
      }
      const mine = view.key === key;
      if (mine) made.setAttribute("aria-sort", view.down ? "descending" : "ascending");
      const button = element("button", { type: "button" }, `${name}${mine ? (view.down ? " ▼" : " ▲") : ""}`);
      button.addEventListener("click", () => {
        view.down = mine ? !view.down : Boolean(kind) && kind !== "word"; // numbers: the highest first
        view.key = key;
        headings();
        choose();
        table.tHead.querySelector("[aria-sort] button").focus();
      });
      made.append(button);
      return made;
    })));
  }

  function controls() {
    const tally = (list) => list.reduce((n, name) => n.set(name, (n.get(name) ?? 0) + 1), new Map());
    const states = tally(data.state);
    const buttons = [["", "", total], ...data.states.filter(([name]) => states.has(name))
      .map(([name, meaning]) => [name, meaning, states.get(name)])].map(([name, meaning, n]) => {
      const button = element("button", { type: "button", "aria-pressed": name === "", title: meaning },
        name ? badge(name) : "all", ` ${whole.format(n)}`);
      button.addEventListener("click", () => {
        view.state = name;
        buttons.forEach((other) => other.setAttribute("aria-pressed", other === button));
        choose();
      });
      return button;
    });
    byId("states").append(...buttons);
    const options = (id, list, called) => {
      byId(id).append(...list.map(([value, n]) =>
        element("option", { value }, `${called(value)} (${whole.format(n)})`)));
      byId(id).addEventListener("change", ({ target }) => { view[id] = target.value; choose(); });
      byId(id).parentElement.hidden = list.length < (id === "arm" ? 2 : 1);
    };
    options("arm", [...tally(data.arm)], (arm) => data.arms[arm] ?? arm);
    const found = tally(data.findings.flatMap((list) => list.map(([name]) => name)));
    options("finding", Object.keys(data.advice).filter((name) => found.has(name))
      .map((name) => [name, found.get(name)]), (name) => name);
    byId("words").addEventListener("input", ({ target }) => { view.words = target.value; choose(); });
    document.forms[0].addEventListener("submit", (event) => event.preventDefault());
    byId("more").addEventListener("click", more);
    new IntersectionObserver(([entry]) => entry.isIntersecting && more(), { rootMargin: "400px" })
      .observe(byId("more"));
  }

  function legend() {
    const drawn = new Set();
    data.flags.forEach((list) => list.forEach(([name]) => drawn.add(name)));
    for (const [name, tone, shape] of data.looks.filter(([reason]) => drawn.has(reason))) {
      const canvas = element("canvas", { "aria-hidden": true });
      byId("legend").append(element("li", {}, canvas, name));
      const { pen } = sharp(canvas);
      pen.strokeStyle = pen.fillStyle = ink(tone);
      sign(pen, shape, 6, 6);
    }
  }

  document.querySelector("main").hidden = false;
  controls();
  legend();
  headings();
  choose();
  performance.mark("rows");
  const repaint = () => {
    byId("legend").replaceChildren();
    legend();
    table.querySelectorAll("canvas").forEach((canvas) => canvas.width && draw(canvas));
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  window.addEventListener("resize", repaint);
})();
