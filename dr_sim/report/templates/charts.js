// Charts of a report, drawn on canvases from data in the page. Nothing is fetched.
//
// Theory of operation. `DATA` holds one entry for each chart: its axes and its marks. All charts
// over time share one range, which a drag or a button changes; all of them obey the selector of
// databases. Axes are chosen anew for what is in sight: their largest value, their unit, their
// ticks. Where many points of a line fall on one column of pixels, the column's least and greatest
// are drawn; columns further apart than NEAR_PX are joined by what the line does between them. A
// line with fewer points that goes up and down within TOOTH_PX is a band with a line along its
// tops. So a saw-tooth becomes an envelope and no peak is lost. Where points were left out of the
// page (`thinned`), teeth are not drawn as they are however wide they are, since some are missing. Bars have at least MIN_PX. A mark or an
// item with the number of a database in `of` belongs to it; `only` says that it is drawn while no
// database is chosen ("service") or while its own is ("chosen").
"use strict";
(function () {
  const MIN_PX = 2.5, MIN_HEIGHT = 4, CROWD = 12, MOST_ALONE = 3, PAD_RIGHT = 10, PAD_TOP = 8, FONT = "12px system-ui, sans-serif";
  const LIGHT = {black: "#000000", grey: "#777777", grid: "#E0E0E0", text: "#222222",
    ground: "#DCE6F2", blue: "#0072B2", sky: "#56B4E9", orange: "#E69F00", green: "#009E73",
    red: "#D55E00", purple: "#CC79A7", mint: "#A6DCC8", yellow: "#F0E442",
    peach: "#F0B49A"};
  const DARK = {...LIGHT, black: "#F2F2F2", grey: "#9A9A9A", grid: "#3A3A3A", text: "#E6E6E6",
    ground: "#2E2E2E", blue: "#56B4E9", sky: "#0072B2"};
  const WIDE_PART = 0.2;  // of the run: an axis may stop below what is seen of so much of it
  const LEAST_TICK_PX = 40, TEXT_GAP = 10;
  const NEAR_PX = 2, TOOTH_PX = 8, LEAST_TOPS = 4, THINNED = 5, NARROWEST_LEFT = 72, WIDEST_LEFT = 260, WIDEST_ROWS = 390;
  const ROW = 24, HIGH_ROW = 40;  // a row, and one with its name above it, where names need much room
  const DASHES = {solid: [], dashed: [7, 4], dotted: [2, 3], dotdash: [7, 3, 2, 3]};
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let printing = false;
  const PAPER = 700;  // pixels: about what is between the margins of A4 and Letter
  const colours = () => (dark.matches && !printing ? DARK : LIGHT);
  const behind = () => (dark.matches && !printing ? "#161616" : "#fff");
  const charts = [];
  const state = {from: DATA.from, to: DATA.to, database: -1};

  // ---- numbers in words
  const DAY = 86400e3, HOUR = 3600e3, MINUTE = 60e3, SECOND = 1e3;
  function clock(ms) {
    const s = Math.round(ms / SECOND);
    if (s < 3600) return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
    let m = Math.round(ms / MINUTE);
    const days = m >= 4 * 1440 ? Math.floor(m / 1440) : 0;
    m -= days * 1440;
    return `${days ? `${days} d ` : ""}${Math.floor(m / 60)} h ${String(m % 60).padStart(2, "0")}`;
  }
  function unitOf(most) {
    if (most > 4 * DAY) return [DAY, "d"];
    if (most > 4 * HOUR) return [HOUR, "h"];
    return most > 4 * MINUTE ? [MINUTE, "min"] : [SECOND, "s"];
  }
  const formats = {};
  function dated(ms, form) {
    const key = JSON.stringify(form);
    formats[key] ||= new Intl.DateTimeFormat("en-GB", {timeZone: DATA.zone, ...form});
    return formats[key].format(new Date(DATA.start + ms));
  }
  const whenText = (ms) => dated(ms, {weekday: "short", day: "2-digit", month: "short",
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23"});
  function niceStep(range, count, steps) {
    const least = range / Math.max(1, count);
    const found = steps.find((step) => step >= least);
    return found || Math.ceil(least / steps[steps.length - 1]) * steps[steps.length - 1];
  }
  function decimalStep(range, count) {
    const least = range / Math.max(1, count), power = 10 ** Math.floor(Math.log10(least));
    return [1, 2, 5, 10].map((x) => x * power).find((x) => x >= least * 0.999);
  }

  // ---- axes: {low, high, ticks: [[value, text]], title, place(value) -> 0..1}
  const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
    43200, 86400, 172800, 345600, 604800, 1209600, 2592000, 7776000].map((s) => s * SECOND);
  function roomy(c, pixels, make) {  // the axis with the most ticks whose texts do not touch
    let count = Math.max(2, pixels / LEAST_TICK_PX), axis = make(count), finer = axis;
    while (count > 2 && !fits(c, pixels, axis)) {
      if (axis.ticks.length >= 2) finer = axis;
      axis = make(count *= 0.9);
    }
    if (axis.ticks.length >= 2) finer = axis;
    return finer === axis && fits(c, pixels, axis) ? axis : {...finer, ticks: sparse(finer.ticks, 2)};
  }
  function fits(c, pixels, axis) {
    let free = -1e9;
    return axis.ticks.every(([value, text]) => {
      const half = c.measureText(text).width / 2, at = textMiddle(axis.place(value) * pixels, half, pixels);
      const apart = at - half >= free;
      free = at + half + TEXT_GAP;
      return apart;
    });
  }
  // below its tick, but not far outside of the frame
  const textMiddle = (at, half, pixels) => Math.min(Math.max(at, half - 8), pixels - half + 8);
  function sparse(ticks, count) {
    const each = Math.max(1, Math.ceil(ticks.length / Math.max(1, count)));
    return ticks.filter((_, i) => i % each === 0);
  }
  function timeAxis(low, high, count) {
    const step = niceStep(high - low, count, TIME_STEPS), ticks = [];
    const form = step >= DAY ? {weekday: "short", day: "2-digit", month: "short"}
      : step >= HOUR ? {weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23"}
      : step >= MINUTE ? {hour: "2-digit", minute: "2-digit", hourCycle: "h23"}
      : {hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23"};
    const shift = DATA.midnight % step;
    for (let t = Math.ceil((low - shift) / step) * step + shift; t <= high; t += step)
      if (t >= low) ticks.push([t, dated(t, form)]);
    return linear(low, high, ticks, "");
  }
  const linear = (low, high, ticks, title) =>
    ({low, high, ticks, title, place: (v) => (v - low) / (high - low || 1)});
  function logarithmic(low, high, ticks, title) {
    const a = Math.log(low), b = Math.log(high);
    return {low, high, ticks, title, place: (v) => (Math.log(Math.max(v, low)) - a) / (b - a)};
  }
  function valueAxis(kind, low, high, count, title) {
    if (kind === "log_duration") {
      const marks = [0.1, 1, 10, 60, 300, 900, 3600, 21600, 86400, 604800, 2592000];
      const ticks = marks.map((s) => s * SECOND).filter((v) => v >= low && v <= high)
        .map((v) => [v, shortDuration(v)]);
      return logarithmic(low, high, sparse(ticks, count), title);
    }
    if (kind === "log_percent") {
      const ticks = [];
      for (let v = 100; v >= low; v /= 10) ticks.unshift([v, `${+v.toPrecision(2)} %`]);
      return logarithmic(low, high, sparse(ticks, count), title);
    }
    count = Math.max(2, count);
    if (kind === "duration") {
      const [size, word] = unitOf(high), steps = size === DAY || size === SECOND && high < 10e3
        ? null : [1, 2, 5, 10, 15, 20, 30, 60, 120, 240].map((n) => n * size);
      const step = steps ? niceStep(high - low, count, steps) : size * decimalStep((high - low) / size, count);
      return linear(low, high, stepped(low, high, step, (v) => `${+(v / size).toFixed(2)} ${word}`), title);
    }
    const step = decimalStep(high - low, count);
    const unit = kind === "percent" ? " %" : title ? ` ${title}` : "";
    return linear(low, high, stepped(low, high, step,
      (v) => `${+v.toPrecision(6)}${unit}`), title);
  }
  function stepped(low, high, step, text) {
    const ticks = [];
    for (let i = Math.ceil(low / step); i * step <= high * 1.0001; i++) ticks.push([i * step, text(i * step)]);
    return ticks;
  }
  function shortDuration(ms) {
    for (const [size, word] of [[7 * DAY, "week"], [DAY, "d"], [HOUR, "h"], [MINUTE, "min"]])
      if (ms >= size) return `${+(ms / size).toFixed(1)} ${word}`;
    return `${+(ms / SECOND).toFixed(1)} s`;
  }

  // ---- data
  function unpacked(points) {  // x as steps from one to the next; null: the line breaks
    if (points.ready) return points.ready;
    const x = new Float64Array(points.x.length);
    let at = 0;
    for (let i = 0; i < x.length; i++) { at += points.x[i]; x[i] = at; }
    const y = Float64Array.from(points.y, (v) => (v === null ? NaN : v));
    return (points.ready = {x, y, thinned: points.thinned});
  }
  function pointsOf(mark) {
    if (mark.of && state.database >= 0)
      return mark.of[state.database] ? unpacked(mark.of[state.database]) : {x: [], y: []};
    return unpacked(mark);
  }
  const chosen = (items) => items.filter((i) => {
    if (i.only === "service") return state.database < 0;
    if (i.only === "chosen") return i.of === state.database;
    return state.database < 0 || i.of === undefined || i.of < 0 || i.of === state.database;
  });
  const ofAnother = (mark) => typeof mark.of === "number" && mark.of !== state.database;
  function firstAt(x, value) {
    let a = 0, b = x.length;
    while (a < b) { const m = (a + b) >> 1; if (x[m] < value) a = m + 1; else b = m; }
    return a;
  }
  const valueAt = (p, x) => {
    const i = firstAt(p.x, x);
    if (i === 0 || i >= p.x.length) return p.x[i] === x ? p.y[i] : NaN;
    const part = (x - p.x[i - 1]) / (p.x[i] - p.x[i - 1] || 1);
    return p.y[i - 1] + part * (p.y[i] - p.y[i - 1]);
  };

  // ---- one chart
  class Chart {
    constructor(holder, spec) {
      this.spec = spec;
      this.hidden = new Set();
      this.legend = document.createElement("p");
      this.legend.className = "legend";
      this.canvas = document.createElement("canvas");
      this.tip = document.createElement("div");
      this.tip.className = "tip";
      this.tip.hidden = true;
      holder.append(this.legend, this.canvas, this.tip);
      this.holder = holder;
      const labels = [...new Set(spec.marks.map((m) => m.label).filter(Boolean))];
      this.note = document.createElement("span");  // while a database is chosen that it does not obey
      this.note.className = "note"; this.note.textContent = "of the whole service";
      this.obeys = spec.marks.some((m) => m.of !== undefined || (m.items || []).some((i) => i.of >= 0 || i[2] >= 0));
      for (const label of labels) this.addKey(label, spec.marks.find((m) => m.label === label));
      this.legend.append(this.note);
      this.canvas.addEventListener("pointermove", (e) => this.hover(e));
      this.canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
      if (spec.x.kind === "time") {
        this.canvas.addEventListener("pointerdown", (e) => { this.dragged = this.atX(e); });
        this.canvas.addEventListener("pointerup", (e) => this.drop(e));
        this.canvas.addEventListener("dblclick", () => zoom(DATA.from, DATA.to));
      }
    }
    addKey(label, mark) {
      const key = document.createElement("button");
      key.type = "button";
      key.setAttribute("aria-pressed", "true");
      key.innerHTML = '<svg width="22" height="10" aria-hidden="true"></svg> ';
      key.append(label);
      key.swatch = key.firstChild;
      key.mark = mark;
      key.onclick = () => {
        if (!this.hidden.delete(label)) this.hidden.add(label);
        key.setAttribute("aria-pressed", String(!this.hidden.has(label)));
        this.draw();
      };
      this.legend.append(key);
    }
    get marks() {
      return this.spec.marks.filter((m) => !this.hidden.has(m.label) && !ofAnother(m));
    }
    get timed() { return this.spec.x.kind === "time"; }
    roomBeside(c) {  // at the right, so that what is written beside the longest bar fits
      let room = PAD_RIGHT;
      for (const mark of this.marks) {
        if (mark.type !== "bars" || !mark.beside) continue;
        for (const bar of mark.items) room = Math.max(room, 8 + c.measureText(bar.beside).width);
      }
      return room;
    }
    pitchOf(c, box) {  // how far rows are apart
      if (!this.spec.y.rows || this.spec.marks.some((m) => m.type === "cells")) return ROW;
      c.font = FONT;
      const left = this.timed ? leftOfTimed(c, box) : Math.min(box * 0.34, WIDEST_ROWS);
      return 14 + this.labelWidth(c) > left ? HIGH_ROW : ROW;
    }
    labelWidth(c) {  // of its rows, in pixels
      const rows = this.spec.y.rows || [];
      return Math.max(0, ...rows.map((row) => c.measureText(row).width));
    }

    axes(width, height) {
      const {x, y} = this.spec, c = this.context;
      const [low, high] = x.kind === "time" ? [state.from, state.to] : [x.from, x.to];
      const labels = y.rows ? y.rows : null;
      const wide = Math.min(width * 0.34, WIDEST_ROWS), timed = this.timed;
      c.font = FONT;
      if (labels) {
        this.left = timed ? leftOfTimed(c, width) : this.pitch > ROW ? 10
          : Math.min(wide, 14 + this.labelWidth(c));
        this.y = {rows: labels, title: ""};
      } else {
        let top = y.to;
        if (top === undefined) top = this.mostInSight(low, high) * 1.12 || 1;
        if (y.most && high - low > WIDE_PART * (DATA.to - DATA.from)) top = Math.min(top, y.most);
        this.y = valueAxis(y.kind, y.from || 0, top, height / 38, y.title);
        this.left = timed ? leftOfTimed(c, width)
          : 12 + Math.max(24, ...this.y.ticks.map(([, t]) => c.measureText(t).width));
      }
      this.right = timed ? PAD_RIGHT : this.roomBeside(c);
      const pixels = width - this.left - this.right;
      this.x = x.kind === "given" ? this.givenAxis(c, pixels)
        : roomy(c, pixels, (count) => (x.kind === "time" ? timeAxis(low, high, count)
          : valueAxis(x.kind, low, high, count, x.title)));
    }
    givenAxis(c, pixels) {  // every value; names that would touch are left out, those of columns are cut
      const {x, y} = this.spec, room = pixels / Math.max(1, x.ticks.length) - TEXT_GAP;
      return linear(x.from, x.to, y.rows ? x.ticks.map(([at, text]) => [at, cut(c, text, room)]) : x.ticks, x.title);
    }
    mostInSight(low, high) {
      let most = 0, level = 0;
      for (const m of this.marks) {
        if (m.type === "level") level = Math.max(level, m.y);
        if (m.type === "spans") most = Math.max(most, m.least || 0);
        if (m.type !== "line") continue;
        const p = pointsOf(m);
        for (let i = Math.max(0, firstAt(p.x, low) - 1); i < p.x.length && p.x[i] <= high; i++)
          if (p.y[i] > most) most = p.y[i];
        for (const edge of [low, high]) most = Math.max(most, valueAt(p, edge) || 0);
      }
      this.most = Math.max(most, this.spec.y.least || 0);
      return Math.max(this.most, level);
    }
    draw() {
      const box = printing ? PAPER : this.holder.clientWidth || 700, spec = this.spec;
      const rows = spec.y.rows ? spec.y.rows.length : 0;
      const dpr = printing ? 2 : window.devicePixelRatio || 1, canvas = this.canvas;
      this.pitch = this.pitchOf(canvas.getContext("2d"), box);
      const height = rows ? (spec.x.title ? 50 : 34) + this.pitch * rows : spec.height || 220;
      canvas.width = box * dpr; canvas.height = height * dpr;
      canvas.style.width = `${box}px`; canvas.style.height = `${height}px`;
      const c = (this.context = canvas.getContext("2d")), pal = colours();
      c.setTransform(dpr, 0, 0, dpr, 0, 0);
      const bottom = spec.x.title ? 40 : 24;
      this.axes(box, height - bottom - PAD_TOP);
      this.w = box - this.left - this.right; this.h = height - bottom - PAD_TOP;
      this.note.hidden = !this.timed || this.obeys || state.database < 0;
      for (const key of this.legend.querySelectorAll("button")) {
        key.hidden = ofAnother(key.mark);
        this.paintKey(key, pal);
      }
      this.grid(c, pal);
      c.save();
      c.beginPath(); c.rect(this.left, PAD_TOP - 4, this.w, this.h + 4); c.clip();
      for (const [a, b] of spec.grounds || []) {
        c.fillStyle = pal.ground;
        c.fillRect(this.px(a), PAD_TOP, Math.max(MIN_PX, this.px(b) - this.px(a)), this.h);
      }
      for (const mark of this.marks) this[mark.type](c, mark, pal[mark.colour] || mark.colour);
      for (const at of spec.uprights || []) this.stroke(c, [[at, null]], pal.black, "dashed", 1.2);
      c.restore();
      this.texts(c);
    }
    paintKey(key, pal) {
      const m = key.mark, colour = pal[m.colour] || m.colour, dash = DASHES[m.dash || "solid"];
      key.swatch.innerHTML = ["line", "level", "upright"].includes(m.type)
        ? `<line x1="0" x2="22" y1="5" y2="5" stroke="${colour}" stroke-width="${Math.min(4, m.width || 2)}" stroke-dasharray="${dash.join(" ")}"/>`
        : m.type === "points" ? shapeSvg(m.shape, colour)
        : m.type === "ranges" ? `<line x1="11" x2="11" y1="0" y2="10" stroke="${colour}" stroke-width="1.5"/>`
        : `<rect width="22" height="10" fill="${colour}" fill-opacity="${m.type === "spans" ? 0.35 : 1}"/>`;
    }
    px(x) { return this.left + this.x.place(x) * this.w; }
    py(y) { return PAD_TOP + (1 - this.y.place(y)) * this.h; }
    rowTop(i) { return PAD_TOP + i * this.pitch + this.pitch - ROW; }
    grid(c, pal) {
      c.font = FONT; c.fillStyle = pal.text; c.strokeStyle = pal.grid; c.lineWidth = 1;
      c.textAlign = "center"; c.textBaseline = "top";
      let free = -1e9;
      for (const [value, text] of this.x.ticks) {
        const x = Math.round(this.px(value)) + 0.5, half = c.measureText(text).width / 2;
        c.beginPath(); c.moveTo(x, PAD_TOP); c.lineTo(x, PAD_TOP + this.h); c.stroke();
        const at = this.left + textMiddle(x - this.left, half, this.w);
        if (at - half < free) continue;
        c.fillText(text, at, PAD_TOP + this.h + 6);
        free = at + half + TEXT_GAP;
      }
      if (this.spec.x.title) c.fillText(this.spec.x.title, this.left + this.w / 2, PAD_TOP + this.h + 23);
      c.textAlign = "right"; c.textBaseline = "middle";
      if (this.y.rows && this.pitch > ROW) return;  // above the bars, over what lies behind them
      if (this.y.rows) {
        this.y.rows.forEach((row, i) => c.fillText(cut(c, row, this.left - 10), this.left - 6, this.rowTop(i) + 11));
        return;
      }
      for (const [value, text] of this.y.ticks) {
        const y = Math.round(this.py(value)) + 0.5;
        c.beginPath(); c.moveTo(this.left, y); c.lineTo(this.left + this.w, y); c.stroke();
        c.fillText(text, this.left - 6, y);
      }
    }
    namesAbove(c) {
      c.font = FONT; c.textAlign = "left"; c.textBaseline = "middle";
      this.y.rows.forEach((row, i) => {
        const text = cut(c, row, this.w), y = this.rowTop(i) - 6;
        c.fillStyle = behind();
        c.fillRect(this.left, y - 7, c.measureText(text).width, 14);
        c.fillStyle = colours().text;
        c.fillText(text, this.left, y);
      });
    }
    texts(c) {  // beside the bars of a waterfall
      if (this.y.rows && this.pitch > ROW) this.namesAbove(c);
      for (const mark of this.marks) {
        if (mark.type !== "bars" || !mark.beside) continue;
        c.font = FONT; c.fillStyle = colours().text; c.textBaseline = "middle";
        for (const bar of mark.items) {
          const right = this.px(bar.to) + 6, wide = c.measureText(bar.beside).width;
          const inside = right + wide > this.left + this.w + this.right && this.px(bar.from) - wide > this.left;
          c.textAlign = inside ? "right" : "left";
          c.fillText(bar.beside, inside ? this.px(bar.from) - 4 : right, this.rowTop(bar.row) + 11);
        }
      }
    }
    stroke(c, points, colour, dash, width) {
      c.strokeStyle = colour; c.lineWidth = width; c.setLineDash(DASHES[dash || "solid"]);
      c.beginPath();
      for (const [x, y] of points)
        if (y === null) { c.moveTo(this.px(x), PAD_TOP); c.lineTo(this.px(x), PAD_TOP + this.h); }
      c.stroke(); c.setLineDash([]);
    }
    level(c, m, colour) {
      const y = this.py(m.y);
      c.strokeStyle = colour; c.lineWidth = 1.5; c.setLineDash(DASHES[m.dash || "solid"]);
      c.beginPath(); c.moveTo(this.left, y); c.lineTo(this.left + this.w, y); c.stroke(); c.setLineDash([]);
    }
    upright(c, m, colour) { this.stroke(c, [[m.x, null]], colour, m.dash, 1.5); }
    spans(c, m, colour) {
      // many that are too short to be seen are not one long one: their height says how much they cover
      const covered = new Map();
      c.fillStyle = colour; c.globalAlpha = 0.3;
      for (const [a, b] of m.items) {
        const x = this.px(a), wide = this.px(b) - x;
        if (x > this.left + this.w || x + wide < this.left) continue;
        const column = Math.floor((x - this.left) / MIN_PX);
        if (wide >= MIN_PX) c.fillRect(x, PAD_TOP, wide, this.h);
        else covered.set(column, (covered.get(column) || 0) + wide);
      }
      for (const [i, pixels] of covered) {
        const near = [...covered.keys()].filter((column) => Math.abs(column - i) <= CROWD).length;
        const height = Math.max(MIN_HEIGHT, near > MOST_ALONE ? Math.min(1, pixels / MIN_PX) * this.h : this.h);
        c.fillRect(this.left + i * MIN_PX, PAD_TOP + this.h - height, MIN_PX, height);
      }
      c.globalAlpha = 1;
    }
    bars(c, m, colour) {
      for (const bar of chosen(m.items)) {
        const x = this.px(bar.from), wide = Math.max(MIN_PX, this.px(bar.to) - x);
        if (x > this.left + this.w || x + wide < this.left) continue;
        c.fillStyle = bar.colour ? colours()[bar.colour] || bar.colour : colour;
        c.fillRect(x, this.rowTop(bar.row) + 3, wide, 16);
      }
    }
    points(c, m, colour) {
      for (const p of chosen(m.items)) {
        const x = this.px(p.from), y = this.rowTop(p.row) + 11;
        if (x < this.left - 8 || x > this.left + this.w + 8) continue;
        c.strokeStyle = colour; c.fillStyle = colour; c.lineWidth = 1.5;
        shape(c, m.shape, x, y, 5);
        if (p.hollow) c.stroke(); else c.fill();
      }
    }
    ranges(c, m, colour) {  // upright intervals; an open end points on
      c.strokeStyle = c.fillStyle = colour; c.lineWidth = 1.5;
      for (const [x, low, high] of m.items) {
        const at = this.px(x), top = high === null ? PAD_TOP : this.py(high);
        c.beginPath(); c.moveTo(at, this.py(low)); c.lineTo(at, top); c.stroke();
        if (high === null) { shape(c, "up", at, top + 2, 5); c.fill(); }
      }
    }
    changes(c, m) {  // intervals that lie, the estimate as a dot; a tip where one goes on
      for (const item of m.items) {
        const y = this.rowTop(item.row) + 11;
        c.strokeStyle = c.fillStyle = colours()[item.colour]; c.lineWidth = 2;
        c.beginPath(); c.moveTo(this.px(item.low), y); c.lineTo(this.px(item.high), y); c.stroke();
        for (const [on, at, way] of [[item.below, item.low, -1], [item.above, item.high, 1]]) {
          if (!on) continue;
          const x = this.px(at);
          c.beginPath(); c.moveTo(x + 9 * way, y); c.lineTo(x, y - 5); c.lineTo(x, y + 5);
          c.closePath(); c.fill();
        }
        if (item.hollow) c.fillStyle = behind();
        shape(c, "circle", this.px(item.at), y, 4.5); c.fill(); c.stroke();
      }
    }
    cells(c, m, colour) {
      const wide = this.w / m.columns;
      c.font = FONT; c.textAlign = "center"; c.textBaseline = "middle";
      for (const item of m.items) {
        const x = this.left + item.column * wide, y = this.rowTop(item.row);
        c.fillStyle = colour; c.fillRect(x, y, wide - 2, 22);
        c.fillStyle = "#000"; c.fillText(cut(c, item.text, wide - 6), x + wide / 2 - 1, y + 11);
      }
    }
    line(c, m, colour) {
      const p = pointsOf(m), [low, high] = [this.x.low, this.x.high];
      const first = Math.max(0, firstAt(p.x, low) - 1), last = Math.min(p.x.length, firstAt(p.x, high) + 1);
      c.strokeStyle = c.fillStyle = colour; c.lineWidth = m.width || 2; c.lineJoin = "round";
      c.setLineDash(DASHES[m.dash || "solid"]);
      if (last - first > 3 * this.w && !m.exact) this.envelope(c, p, first, last, m);
      else {
        const apart = p.thinned ? THINNED * this.w / Math.max(1, last - first) : 0;
        const tooth = Math.max(TOOTH_PX, apart);
        this.pieces(p, first, last, m).forEach((points) => this.piece(c, points, m, tooth));
      }
      c.setLineDash([]);
      for (let i = first; m.dots && i < last; i++) { shape(c, "circle", this.px(p.x[i]), this.py(p.y[i]), 4); c.fill(); }
    }
    pieces(p, first, last, m) {  // what lies between breaks, as points on the canvas
      const found = [[]];
      for (let i = first; i < last; i++) {
        const points = found[found.length - 1];
        if (Number.isNaN(p.y[i])) { found.push([]); continue; }
        const x = this.px(p.x[i]);
        if (points.length && m.steps) points.push([x, points[points.length - 1][1]]);
        points.push([x, this.py(p.y[i])]);
      }
      return found;
    }
    piece(c, points, m, tooth) {
      c.globalAlpha = 0.45;
      for (let saws; !m.dots && (saws = sawsOf(points, tooth)).length;) {
        const kept = [];
        let done = 0;
        for (const tops of saws) {
          const upper = tops.map((top) => points[top]);
          const lower = tops.slice(1).map((top, i) => lowest(points.slice(tops[i], top + 1)));
          if (!m.edge) outline(c, [...upper, ...lower.reverse()]).fill();
          kept.push(...points.slice(done, tops[0]), ...upper);
          done = tops[tops.length - 1] + 1;
        }
        points = [...kept, ...points.slice(done)];
      }
      c.globalAlpha = 1;
      outline(c, points).stroke();
    }
    envelope(c, p, first, last, m) {  // least and greatest of each column of pixels
      const columns = [];  // {x, first, top, bottom, last}; null: the line breaks
      let column = null;
      for (let i = first; i < last; i++) {
        if (Number.isNaN(p.y[i])) { columns.push(column = null); continue; }
        const x = Math.round(this.px(p.x[i])), y = this.py(p.y[i]);
        if (column === null || column.x !== x)
          columns.push(column = {x, first: y, top: y, bottom: y, last: y});
        column.top = Math.min(column.top, y); column.bottom = Math.max(column.bottom, y);
        column.last = y;
      }
      c.beginPath();
      let before = null;
      for (const here of columns) {
        if (here !== null && before === null) c.moveTo(here.x, here.top);
        else if (here !== null) {
          if (here.x - before.x > NEAR_PX) {
            c.lineTo(before.x, before.last);
            if (m.steps) c.lineTo(here.x, before.last);
            c.lineTo(here.x, here.first);
          }
          c.lineTo(here.x, here.top);
        }
        before = here;
      }
      c.stroke();
      if (m.edge) return;
      c.globalAlpha = 0.45;
      for (const here of columns)
        if (here !== null) c.fillRect(here.x, here.top, 1.2, Math.max(1, here.bottom - here.top));
      c.globalAlpha = 1;
    }

    // ---- what a pointer does
    atX(e) {
      const box = this.canvas.getBoundingClientRect(), place = (e.clientX - box.left - this.left) / this.w;
      return this.x.low + place * (this.x.high - this.x.low);
    }
    drop(e) {
      const a = this.dragged, b = this.atX(e), shortest = (this.x.high - this.x.low) / 100;
      this.dragged = undefined;
      if (a !== undefined && Math.abs(b - a) > shortest) zoom(Math.min(a, b), Math.max(a, b));
    }
    hover(e) {
      const box = this.canvas.getBoundingClientRect(), x = e.clientX - box.left, y = e.clientY - box.top;
      const lines = this.told(x, y);
      this.tip.hidden = !lines.length;
      if (!lines.length) return;
      this.tip.textContent = lines.join("\n");
      const left = Math.min(x + 14, this.holder.clientWidth - this.tip.offsetWidth - 4);
      this.tip.style.left = `${Math.max(0, left)}px`;
      this.tip.style.top = `${this.canvas.offsetTop + Math.min(y + 16, this.h)}px`;
    }
    told(x, y) {
      if (x < this.left || x > this.left + this.w) return [];
      if (this.y.rows) {
        const row = Math.floor((y - PAD_TOP) / this.pitch), found = [];
        for (const m of this.marks) {
          for (const item of chosen(m.items || [])) {
            const a = this.px(item.from), b = Math.max(a + MIN_PX, this.px(item.to ?? item.from));
            if (item.row === row && x > a - 5 && x < b + 5 && item.words) found.push(item);
          }
        }
        const shown = found.slice(0, 5).map((i) => (this.spec.x.kind === "time" ? `${i.words}\n${whenText(i.from)}` : i.words));
        return found.length > 5 ? [...shown, `and ${found.length - 5} more here`] : shown;
      }
      const place = (x - this.left) / this.w;
      const at = this.x.low === 0 || !this.spec.x.kind.startsWith("log")
        ? this.x.low + place * (this.x.high - this.x.low)
        : Math.exp(Math.log(this.x.low) + place * (Math.log(this.x.high) - Math.log(this.x.low)));
      const found = [];
      for (const m of this.marks) {
        if (m.type !== "line") continue;
        const p = pointsOf(m), i = firstAt(p.x, at);
        const value = m.steps ? p.y[Math.max(0, i - 1)] : valueAt(p, at);
        if (!Number.isNaN(value) && value !== undefined) found.push(`${m.label}: ${this.text(value)}`);
      }
      if (!found.length) return [];
      const where = this.spec.x.kind === "time" ? whenText(at)
        : this.spec.x.kind.endsWith("duration") ? clock(at) : String(+at.toFixed(2));
      return [where, ...found];
    }
    text(value) {
      const kind = this.spec.y.kind;
      if (kind === "duration") return clock(value);
      return `${+value.toPrecision(4)}${kind.endsWith("percent") ? " %" : ` ${this.spec.y.title || ""}`}`;
    }
  }
  function leftOfTimed(c, width) {  // one for all: time axes lie below one another
    const widest = Math.max(...charts.map((chart) => (chart.timed ? chart.labelWidth(c) : 0)));
    return Math.min(width * 0.3, WIDEST_LEFT, Math.max(NARROWEST_LEFT, 14 + widest));
  }
  function outline(c, points) {
    c.beginPath();
    points.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
    return c;
  }
  function lowest(points) {
    return points.reduce((low, point) => (point[1] > low[1] ? point : low));
  }
  function sawsOf(points, tooth) {  // the tops of each stretch that goes up and down too fast to be seen
    const saws = [[]];
    let rises = false, row = points.length ? Math.round(points[0][1]) : 0;
    for (let i = 1; i < points.length; i++) {
      const next = Math.round(points[i][1]), saw = saws[saws.length - 1];
      if (next === row) continue;
      if (rises && next > row) {
        const far = saw.length && points[i - 1][0] - points[saw[saw.length - 1]][0] > tooth;
        if (far) saws.push([i - 1]); else saw.push(i - 1);
      }
      rises = next < row;
      row = next;
    }
    return saws.filter((saw) => saw.length >= LEAST_TOPS);
  }
  function cut(c, text, wide) {
    if (c.measureText(text).width <= wide) return text;
    let n = text.length;  // the end stays: names often differ there
    while (n > 1 && c.measureText(`${text.slice(0, n)}…${text.slice(-4)}`).width > wide) n--;
    return `${text.slice(0, n)}…${text.slice(-4)}`;
  }
  function shape(c, name, x, y, r) {
    c.beginPath();
    if (name === "circle") { c.arc(x, y, r, 0, 7); return; }
    for (const [right, below] of DATA.signs[name]) c.lineTo(x + r * right, y + r * below);
    c.closePath();
  }
  function shapeSvg(name, colour) {
    if (name === "circle") return `<circle cx="11" cy="5" r="4.5" fill="${colour}"/>`;
    const corners = DATA.signs[name].map(([right, below]) => [11 + 4.2 * right, 5 + 4.2 * below].join());
    return `<polygon points="${corners.join(" ")}" fill="${colour}"/>`;
  }

  // ---- the page
  function drawAll() { for (const chart of charts) chart.draw(); }
  function zoom(from, to) {
    const least = 1000, middle = (from + to) / 2;
    if (to - from < least) { from = middle - least / 2; to = middle + least / 2; }
    state.from = Math.max(DATA.from, from); state.to = Math.min(DATA.to, to);
    for (const chart of charts) if (chart.spec.x.kind === "time") chart.draw();
  }
  function choose(database) {
    state.database = database;
    for (const row of document.querySelectorAll("tr[data-of]"))
      row.classList.toggle("chosen", Number(row.dataset.of) === database);
    for (const row of document.querySelectorAll("tr[data-about]"))
      row.hidden = database >= 0 && row.dataset.about !== "-1" && Number(row.dataset.about) !== database;
    const select = document.getElementById("database");
    if (select) select.value = String(database);
    drawAll();
  }
  function sort(table, column, up) {
    const body = table.tBodies[0], rows = [...body.rows];
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    rows.sort((a, b) => {
      const x = key(a), y = key(b), number = Number(x) - Number(y);
      return (Number.isNaN(number) ? x.localeCompare(y) : number) * (up ? 1 : -1);
    });
    body.append(...rows);
  }
  function sortable(table) {
    const heads = [...table.querySelectorAll("thead tr:last-child th")];
    const mark = (head, up) => {
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
    };
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button"; button.textContent = head.textContent; head.replaceChildren(button);
      button.onclick = () => {
        const up = head.getAttribute("aria-sort") === "descending";
        mark(head, up); sort(table, column, up);
      };
    });
    // a phone shows each row as a card: its cells say what they are, and a list sorts
    const labels = heads.map((head) => head.dataset.label ?? head.textContent);
    const worst = [...table.tBodies[0].rows];
    for (const row of worst)
      for (let column = 1; column < labels.length; column++)
        row.cells[column].dataset.head = labels[column];
    const select = document.createElement("select"), label = document.createElement("label");
    select.append(new Option("as given", "-1"));
    labels.forEach((text, column) => select.append(new Option(text, column)));
    select.onchange = () => {
      const column = Number(select.value);
      if (column < 0) table.tBodies[0].append(...worst);
      else { mark(heads[column], column === 0); sort(table, column, column === 0); }
    };
    label.className = "narrow no-print"; label.append("sort by ", select);
    table.parentElement.before(label);
  }
  for (const spec of Object.values(DATA.charts))
    for (const m of spec.marks)
      if (m.type === "points") m.items = m.items.map(([row, from, of, hollow], i) => ({row, from, of,
        hollow, words: m.words[i] || `${DATA.names[of] ?? "whole service"}: ${m.label}`}));
  for (const [key, spec] of Object.entries(DATA.charts)) {
    const holder = document.getElementById(`chart-${key}`);
    if (holder) charts.push(new Chart(holder, spec));
  }
  const views = document.getElementById("views");
  for (const [name, from, to] of DATA.views || []) {
    const button = document.createElement("button");
    button.type = "button"; button.textContent = name; button.onclick = () => zoom(from, to);
    views.append(button);
  }
  const select = document.getElementById("database");
  if (select) select.onchange = () => choose(Number(select.value));
  document.querySelectorAll("table.sortable").forEach(sortable);
  for (const row of document.querySelectorAll("tr[data-of]"))
    row.onclick = () => choose(state.database === Number(row.dataset.of) ? -1 : Number(row.dataset.of));
  let width = 0;
  new ResizeObserver(() => {
    if (document.body.clientWidth !== width) { width = document.body.clientWidth; drawAll(); }
  }).observe(document.body);
  dark.addEventListener("change", drawAll);
  window.addEventListener("beforeprint", () => { printing = true; drawAll(); });
  window.addEventListener("afterprint", () => { printing = false; drawAll(); });
  drawAll();
  window.drSim = {state, charts, zoom, choose};
  document.documentElement.dataset.drawn = "true";
})();
