"use strict";
(() => {
const board = JSON.parse(document.getElementById("board").textContent);
const $ = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
const which = $("which");
if (!which) return; // no regime was run: there is nothing to choose or draw

const DASHES = ["solid", "8px,3px", "3px,3px", "10px,3px,3px,3px", "14px,4px", "6px,2px,2px,2px,2px,2px"];
const SYMBOLS = ["circle", "square", "triangle-up", "diamond-tall", "triangle-down", "pentagon"];
const SHAPES = { // the same symbols, as SVG paths around 0
  circle: "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", square: "M-4,-4h8v8h-8z", "triangle-up": "M0,-5l5,9h-10z",
  "triangle-down": "M0,5l5,-9h-10z", "diamond-tall": "M0,-6l4,6l-4,6l-4,-6z", pentagon: "M0,-5l5,4l-2,6h-6l-2,-6z",
  star: "M0,-7l2,5h5l-4,3l2,5l-5,-3l-5,3l2,-5l-4,-3h5z", x: "M-4,-4l8,8M4,-4l-8,8", diamond: "M0,-6l6,6l-6,6l-6,-6z",
};
// Points of a line, larger than dots: of two under the pointer the chart tells of the smaller one.
const UNSEEN = {size: 16, opacity: 0, line: {width: 0}};
const NAMED = {
  zero: {dash: "7px,5px", symbol: "circle", says: "a blind mix of models"},
  zero_test: {dash: "1px,4px", width: 2, says: "the mix that is best on these very prompts"},
  oracle: {dash: "solid", symbol: "star", says: "knows every outcome"},
  random: {dash: "2px,4px", symbol: "x", says: "any model by chance"},
  control: {dash: "2px,4px", symbol: "square", says: "control"},
  model: {dash: "none", symbol: "circle", says: "single models"},
};
const WORDS = {above: "▲ above zero", below: "▼ below zero", untold: "○ can’t be told"};
const costs = (s) => s.policies.map((p) => p.at[0]).filter((x) => x !== null);
const state = {
  task: null, measure: "minus", hidden: new Set(),
  scale: board.sections.every((s) => costs(s).every((x) => x > 0)) && board.sections.some((s) => Math.max(...costs(s)) > 10 * Math.min(...costs(s))) ? "log" : "linear",
};
const dark = window.matchMedia("(prefers-color-scheme: dark)");

// --- words ---------------------------------------------------------------------------------

// Plotly reads some HTML in its texts; a name is no markup.
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const cut = (text, length) => [...text].length > length ? [...text].slice(0, length - 1).join("") + "…" : text;
const lines = (text) => escaped(text.replace(/\S{48}/g, "$& ").replace(/(.{36,}?)\s/g, "$1\n")).replace(/\n/g, "<br>");
const hover = (name, text) => `<b>${lines(name)}</b><br>${escaped(text).replace(/\n/g, "<br>")}`;
const score = (value) => value.toFixed(3).replace(/^(-?)0\./, "$1.").replace("-", "−");

function dollars(usd) { // three digits, as in the tables
  if (usd === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(usd))));
  return usd.toLocaleString("en-US", {minimumFractionDigits: digits, maximumFractionDigits: digits});
}

const told = ([x, y]) => `score ${score(y)}\n$${dollars(x)} per 1,000 prompts`;

// --- what a policy looks like --------------------------------------------------------------

const section = () => board.sections[Number(which.value)];
const key = (p) => p.kind === "model" ? "model" : `${p.kind} ${p.name}`;
const shown = (p) => !state.hidden.has(key(p));

function look(p) {
  const at = Number(p.role.replace(/\D/g, "")) || 0;
  return p.kind === "router"
    ? {colour: `--r${at % 8}`, dash: DASHES[at % DASHES.length], symbol: SYMBOLS[at % SYMBOLS.length], width: 2.5}
    : {colour: `--${p.kind}`, width: p.kind === "zero" ? 2.5 : 1.5, ...NAMED[p.kind], ...NAMED[p.name === "zero_test" ? p.name : ""]};
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function trace(p, points, more) {
  const {colour: name, dash, symbol, width} = look(p);
  return {
    name: escaped(p.name), x: points.map((q) => q[0]), y: points.map((q) => q[1]),
    hoverinfo: "text", mode: "lines", showlegend: false, cliponaxis: false, visible: shown(p),
    line: {color: colour(name), dash, width}, marker: {color: colour(name), symbol, size: 9}, ...more,
  };
}

function draw(id, data, layout, margin = {}) {
  const div = $(id), ink = colour("--ink"), rule = colour("--rule");
  const narrow = div.clientWidth < 560;
  const axis = {gridcolor: rule, linecolor: rule, zeroline: false, fixedrange: narrow};
  return Plotly.react(div, data, {
    width: div.clientWidth, height: div.clientHeight, hovermode: "closest", showlegend: false,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: {color: ink, family: "system-ui, -apple-system, 'Segoe UI', sans-serif", size: narrow ? 11.5 : 13},
    margin: {l: narrow ? 46 : 62, r: narrow ? 12 : 24, t: narrow ? 14 : 30, b: 52, ...margin},
    hoverlabel: {bgcolor: colour("--card"), bordercolor: colour("--edge"), font: {color: ink, size: 13}, align: "left"},
    modebar: {bgcolor: "rgba(0,0,0,0)", color: colour("--soft"), activecolor: colour("--accent")},
    ...layout, xaxis: {...axis, ...layout.xaxis}, yaxis: {...axis, ...layout.yaxis},
  }, {displaylogo: false, displayModeBar: !narrow, modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]]});
}

// --- cost and quality ----------------------------------------------------------------------

function spread(values, share) { // the range of an axis with room at both ends
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low) * share || Math.abs(high) * share || 1;
  return [low - room, high + room];
}

function decades([low, high], narrow) { // ticks of a logarithmic axis, spelled out
  const [from, to] = [10 ** low, 10 ** high], span = (high - low) * (narrow ? 2.5 : 1), ticks = [];
  if (span < 1) { // less than a factor of ten: even steps
    const rough = (to - from) / (narrow ? 3 : 6), power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((each) => each * power >= rough);
    for (let n = Math.ceil(from / step); n * step <= to; n++) ticks.push(n * step);
  } else {
    const steps = span > 4 ? [1] : span > 2.5 ? [1, 3] : [1, 2, 5];
    for (let power = Math.floor(low); power <= high; power++) ticks.push(...steps.map((step) => step * 10 ** power));
  }
  return {tickvals: ticks, ticktext: ticks.map((tick) => `$${Number(tick.toPrecision(3)).toLocaleString("en-US", {maximumFractionDigits: 9})}`)};
}

// Where each label goes so that it covers neither dots, labels nor (if it can be helped) lines.
function placed(dots, marks, curves, width, height) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = "12px system-ui, sans-serif";
  const taken = [];
  const covers = (r, x, y, air) => x > r[0] - air && x < r[2] + air && y > r[1] - air && y < r[3] + air;
  return dots.map(({at: [x, y], text}) => {
    const w = pen.measureText(text).width + 4, h = 15, off = 8;
    let best = ["", Infinity];
    for (const [vertical, dy] of [["middle", -h / 2], ["top", -h - off], ["bottom", off]]) {
      for (const [horizontal, dx] of [["right", vertical === "middle" ? off : 2], ["left", vertical === "middle" ? -w - off : -w - 2], ["center", -w / 2]]) {
        if (vertical === "middle" && horizontal === "center") continue;
        const r = [x + dx, y + dy, x + dx + w, y + dy + h];
        const outside = r[0] < 0 || r[1] < -8 || r[2] > width || r[3] > height;
        const clash = taken.some((t) => r[0] < t[2] && r[2] > t[0] && r[1] < t[3] && r[3] > t[1])
          || marks.some((m) => !(m[0] === x && m[1] === y) && covers(r, m[0], m[1], 5));
        if (outside || clash) continue;
        const cost = curves.filter((q) => covers(r, q[0], q[1], 2)).length;
        if (cost < best[1]) best = [`${vertical} ${horizontal}`, cost, r];
      }
    }
    if (best[2]) taken.push(best[2]);
    return best[0];
  });
}

function stippled(points) { // a line as points 8 pixels apart
  return points.slice(1).flatMap(([x1, y1], i) => {
    const [x0, y0] = points[i], n = Math.ceil(Math.hypot(x1 - x0, y1 - y0) / 8) || 1;
    return Array.from({length: n}, (_, k) => [x0 + (x1 - x0) * k / n, y0 + (y1 - y0) * k / n]);
  });
}

function frontierOf(p) {
  if (state.task === null) return p.frontier;
  return (p.tasks.find(([task]) => task === state.task) ?? ["", []])[1];
}

function frontier() {
  const div = $("frontier"), log = state.scale === "log";
  const own = section().policies.filter((p) => shown(p));
  const usable = ([x, y]) => x !== null && y !== null && (!log || x > 0);
  const data = [], dots = [], curves = [];
  for (const p of own) {
    const points = frontierOf(p).filter(usable);
    if (p.kind === "model") {
      // Within one task only what the run kept is known; a single point is a single model's.
      const at = state.task !== null ? (points.length === 1 ? points[0] : null) : p.at;
      if (at && usable(at)) dots.push({p, x: at[0], y: at[1]});
      continue;
    }
    if (points.length > 1) {
      curves.push(points);
      data.push(trace(p, points, {
        mode: "lines+markers", marker: UNSEEN,
        hovertext: points.map((q) => hover(p.name, told(q))),
      }));
    }
    const mark = state.task !== null || p.kind === "zero" ? (points.length === 1 ? points[0] : null) : p.at;
    if (mark && usable(mark)) {
      const {colour: name, symbol} = look(p);
      data.push(trace(p, [mark], {
        mode: "markers", hovertext: [hover(p.name, mark === p.at ? `${p.kind === "router" ? "recommended setting\n" : ""}${p.at[2]}` : told(mark))],
        marker: {color: colour(name), symbol: p.kind === "router" ? "diamond" : symbol, size: p.kind === "oracle" ? 14 : 11,
                 line: {color: colour("--card"), width: p.kind === "random" ? 0 : 1.5}},
      }));
    }
  }
  const single = [...dots.map((d) => [d.x, d.y]), ...data.filter((t) => t.mode === "markers").map((t) => [t.x[0], t.y[0]])];
  const points = [...single, ...curves.flat()];
  const scaled = (x) => log ? Math.log10(x) : x;
  const xs = points.length ? spread(points.map((q) => scaled(q[0])), .05) : [0, 1];
  const ys = points.length ? spread(points.map((q) => q[1]), .06) : [0, 1];
  const narrow = div.clientWidth < 560;
  const width = div.clientWidth - (narrow ? 58 : 86), height = div.clientHeight - (narrow ? 66 : 82); // less draw()'s margins
  const pixel = ([x, y]) => [(scaled(x) - xs[0]) / (xs[1] - xs[0]) * width, (ys[1] - y) / (ys[1] - ys[0]) * height];
  const named = dots.map((d) => ({text: cut(d.p.name, narrow ? 16 : 26), at: pixel([d.x, d.y])}));
  const places = placed(named, single.map(pixel), curves.flatMap((c) => stippled(c.map(pixel))), width, height);
  if (dots.length) {
    const card = colour("--card");
    data.push({
      x: dots.map((d) => d.x), y: dots.map((d) => d.y), name: "single models", mode: "markers+text", showlegend: false,
      text: named.map((n, i) => places[i] ? escaped(n.text) : ""), textposition: places.map((place) => place || "top center"),
      textfont: {size: 12, color: colour("--model"), shadow: Array(4).fill(`0 0 3px ${card}`).join(", ")}, cliponaxis: false, hoverinfo: "text",
      hovertext: dots.map((d) => hover(d.p.name, state.task !== null ? told([d.x, d.y]) : d.p.at[2])),
      marker: {color: card, size: 9, line: {color: colour("--model"), width: 2}},
    });
  }
  draw("frontier", data, {
    xaxis: {type: state.scale, range: xs, title: {text: "mean cost, US dollars per 1,000 prompts"}, ...(log ? decades(xs, narrow) : {tickprefix: "$"})},
    yaxis: {range: ys, title: {text: "mean score"}},
  });
  const missing = [];
  if (state.task !== null && !dots.length) missing.push("Single models and recommended settings are drawn for all tasks together only.");
  if (!points.length) missing.push("Nothing is known of this task.");
  if (log && costs({policies: own}).includes(0)) missing.push("What costs nothing has no place on a logarithmic axis.");
  if (places.includes("")) missing.push("Where there is no room for a model’s name, point at its dot.");
  $("frontier-note").textContent = missing.join(" ");
}

// --- intervals -----------------------------------------------------------------------------

function intervals() {
  const zero = state.measure === "minus";
  const rows = section().policies.filter((p) => p[state.measure][0] !== null &&
    (zero ? ["router", "control", "random"].includes(p.kind) || p.best : p.kind !== "model" || p.best));
  const div = $("intervals"), narrow = div.clientWidth < 560;
  div.style.height = `${90 + 44 * Math.max(rows.length, 1)}px`;
  const said = (p) => p.word ? (zero ? WORDS[p.word] : "") : {model: "best single model", control: "control", zero: "blind mix", oracle: "knows all", random: "random choice"}[p.kind] ?? "";
  const data = rows.map((p, i) => {
    const [value, low, high, text] = p[state.measure], known = low !== null && high !== null;
    return trace(p, [[value, i]], {
      visible: true, mode: "markers", hovertext: [hover(p.name, text + (zero && p.word ? `\n${WORDS[p.word]}` : ""))],
      marker: {...trace(p, []).marker, size: 12},
      error_x: {type: "data", symmetric: false, array: [known ? high - value : 0], arrayminus: [known ? value - low : 0], color: colour(look(p).colour), thickness: 2.5, width: 6, visible: known},
    });
  });
  draw("intervals", data, {
    shapes: zero ? [{type: "line", xref: "x", x0: 0, x1: 0, yref: "paper", y0: 0, y1: 1, line: {color: colour("--ink"), width: 1.5}}] : [],
    xaxis: {title: {text: zero ? (narrow ? "difference to zero, in score" : "difference to the zero router, in score: right of the line is better") : "AIQ: mean score over the range of costs"}, tickformat: zero ? "+.3~f" : ".3~f", nticks: narrow ? 5 : 10,
            ...(zero ? {range: spread([0, ...rows.flatMap((p) => p.minus.slice(0, 3).filter((v) => v !== null))], .06)} : {})},
    yaxis: {tickmode: "array", tickvals: rows.map((_, i) => i), range: [rows.length - .5, -.5], ticks: "", automargin: true, fixedrange: true,
            ticktext: rows.map((p) => `<b>${escaped(cut(p.name, narrow ? 18 : 32))}</b><br>${said(p)}`), ticklabelstandoff: 10},
  }, {t: 14, l: 20});
}

// --- weak or strong, reliability -----------------------------------------------------------

const diagonal = () => ({x: [0, 1], y: [0, 1], mode: "lines", hoverinfo: "skip", showlegend: false, line: {color: colour("--zero"), dash: "7px,5px", width: 1.5}});

function pgr() {
  const own = section().policies.filter((p) => p.pair);
  const data = [diagonal()];
  for (const p of own) {
    data.push(trace(p, p.pair.curve, {mode: "lines+markers", marker: UNSEEN, hovertext: p.pair.curve.map(([x, y]) => hover(p.name, y === null ? "" : `${(100 * x).toFixed(0)} % strong calls\n${(100 * y).toFixed(0)} % of the gap`))}));
    const marks = p.pair.marks.filter((m) => m[0] !== null);
    data.push(trace(p, marks, {mode: "markers", hovertext: marks.map((m) => hover(p.name, `${m[2]}\n${p.pair.apgr}`))}));
  }
  draw("pgr", data, {
    xaxis: {title: {text: "share of calls to the strong model"}, range: [-.03, 1.03], tickformat: ".0%"},
    yaxis: {title: {text: "share of the gap recovered"}, tickformat: ".0%"},
  });
}

function reliability() {
  const data = [diagonal()];
  for (const p of section().policies.filter((p) => p.bins)) {
    data.push(trace(p, p.bins, {mode: "lines+markers", marker: {...trace(p, []).marker, size: 7}, hovertext: p.bins.map(([x, y, n]) => hover(p.name, `predicted ${x === null ? "–" : score(x)}\nreal ${y === null ? "–" : score(y)}\n${n.toLocaleString("en-US")} answers`))}));
  }
  draw("reliability", data, {
    xaxis: {title: {text: "predicted score"}, range: [-.03, 1.03]}, yaxis: {title: {text: "mean real score"}, range: [-.03, 1.03]},
  });
}

// --- legends -------------------------------------------------------------------------------

const CHARTS = {
  frontier: {draw: frontier, has: () => true, says: (p) => NAMED[p.kind] ? (p.kind === "model" ? "single models" : `${p.name}: ${look(p).says}`) : p.name},
  pgr: {draw: pgr, has: (p) => p.pair, says: (p) => `${p.name}, ${p.pair.apgr}`},
  reliability: {draw: reliability, has: (p) => p.bins, says: (p) => `${p.name}, ${p.slope}`},
};

function swatch(p) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const {colour: name, dash, symbol, width} = look(p);
  const draws = (d, more) => {
    const path = svg.appendChild(document.createElementNS(svg.namespaceURI, "path"));
    for (const [attribute, value] of Object.entries({d, ...more})) path.setAttribute(attribute, value);
    path.style.stroke = `var(${name})`;
  };
  for (const [attribute, value] of Object.entries({width: 34, height: 16, viewBox: "-17 -8 34 16", "aria-hidden": "true"})) svg.setAttribute(attribute, value);
  if (dash !== "none" && p.kind !== "random") draws("M-17,0H17", {"stroke-width": width, "stroke-dasharray": dash === "solid" ? "none" : dash.replace(/px/g, "")});
  if (p.kind !== "zero" && p.kind !== "control") draws(SHAPES[symbol], {"stroke-width": 2, fill: "none"});
  if (p.kind === "router" || p.kind === "oracle") svg.lastChild.style.fill = `var(${name})`;
  return svg;
}

function legends() {
  for (const list of all(".legend")) {
    const {has, says} = CHARTS[list.dataset.for], seen = new Set();
    list.replaceChildren();
    for (const p of section().policies) {
      if (!has(p) || seen.has(key(p))) continue;
      seen.add(key(p));
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.key = key(p);
      button.title = "show or hide";
      button.setAttribute("aria-pressed", String(shown(p)));
      button.append(swatch(p), says(p));
      button.addEventListener("click", () => {
        state.hidden[shown(p) ? "add" : "delete"](key(p));
        for (const each of all(".legend button")) each.setAttribute("aria-pressed", String(!state.hidden.has(each.dataset.key)));
        for (const chart of Object.values(CHARTS)) chart.draw();
      });
      list.appendChild(document.createElement("li")).append(button);
    }
  }
}

// --- choices -------------------------------------------------------------------------------

function pressed(buttons, chosen) {
  for (const each of buttons) each.setAttribute("aria-pressed", String(each === chosen));
}

function choose() {
  const own = section(), at = which.value;
  for (const each of all("[data-section]")) each.hidden = each.dataset.section !== at;
  for (const each of all("[data-sections]")) each.hidden = !each.dataset.sections.split(" ").includes(at);
  const has = {tasks: own.tasks.length > 1, pair: own.pair, bins: own.policies.some((p) => p.bins)};
  for (const each of all("[data-when]")) each.hidden = !has[each.dataset.when];
  if (own.pair) $("pair").textContent = own.pair;
  if (!own.tasks.includes(state.task)) state.task = null;
  $("task").replaceChildren(...[null, ...own.tasks].map((task, i) => new Option(task ?? "all tasks", i, false, task === state.task)));
  $("task").disabled = own.tasks.length < 2;
  legends();
  redraw();
}

function redraw() {
  frontier();
  intervals();
  if (!$("pgr").closest("[hidden]")) pgr();
  if (!$("reliability").closest("[hidden]")) reliability();
}

function sort(button) {
  const heading = button.closest("th"), table = button.closest("table");
  const column = [...heading.parentElement.children].indexOf(heading);
  // Figures start with the largest, names with the first letter; a second click turns round.
  const descending = heading.getAttribute("aria-sort") === "none" ? column > 0 : heading.getAttribute("aria-sort") === "ascending";
  for (const each of heading.parentElement.children) each.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("kind"));
    const value = (row) => column ? row.cells[column].dataset.key : row.cells[0].textContent;
    const number = (row) => { const text = value(row); return text === "inf" ? Infinity : Number(text); };
    rows.sort((a, b) => {
      if (value(a) === "" || value(b) === "") return (value(a) === "") - (value(b) === "");
      const order = column ? (number(a) > number(b)) - (number(a) < number(b)) : value(a).localeCompare(value(b));
      return descending ? -order : order;
    });
    body.append(...rows);
  }
}

which.addEventListener("change", choose);
$("task").addEventListener("change", (event) => { state.task = [null, ...section().tasks][event.target.value]; frontier(); });
for (const button of all("[data-scale]")) button.addEventListener("click", () => { state.scale = button.dataset.scale; pressed(all("[data-scale]"), button); frontier(); });
for (const button of all("[data-measure]")) button.addEventListener("click", () => { state.measure = button.dataset.measure; pressed(all("[data-measure]"), button); intervals(); });
for (const button of all("[data-show]")) button.addEventListener("click", () => { which.value = button.dataset.show; choose(); $("figures").scrollIntoView(); which.focus({preventScroll: true}); });
for (const button of all(".sort")) button.addEventListener("click", () => sort(button));
pressed(all("[data-scale]"), all("[data-scale]").find((button) => button.dataset.scale === state.scale));
dark.addEventListener("change", redraw);
let width = 0;
new ResizeObserver(() => {
  if (width && width !== $("frontier").clientWidth) requestAnimationFrame(redraw);
  width = $("frontier").clientWidth;
}).observe($("frontier"));
choose();
})();
