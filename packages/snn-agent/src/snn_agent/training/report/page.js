"use strict";
// Reading off values: every curve has the same steps, so one cursor moves over all of them, and over the heat map.
const run = JSON.parse(document.getElementById("run-data").textContent);
const columns = { ...run.columns, ...run.derived };
const steps = columns.env_steps || [];
const plots = [...document.querySelectorAll(".plot")].map((box) => ({
  box,
  curve: JSON.parse(box.dataset.curve || box.dataset.heat || box.dataset.scores),
  cursor: box.querySelector(".cursor"),
  dot: box.querySelector(".dot"),
  readout: box.closest("figure").querySelector(".readout"),
}));

function show(value, factor, unit) {
  if (value === null || value === undefined) return "–";
  const number = value * factor;
  const text = Number.isInteger(number) || Math.abs(number) >= 1000
    ? Math.round(number).toLocaleString("en")
    : String(Number(number.toPrecision(4)));
  return unit ? `${text} ${unit}` : text;
}

// A curve at a step: how high the dot is, and in words. Where only some updates tell something, the latest one counts.
function onCurve(curve, index) {
  const values = columns[curve.column];
  let at = index;
  while (curve.joined && at > 0 && values[at] === null) at -= 1;
  const [low, high] = curve.up;
  const beside = Object.entries(curve.beside)
    .map(([name, column]) => `, ${name} ${show(columns[column] && columns[column][at], curve.factor, curve.unit)}`);
  return {
    at,
    down: values[at] === null ? null : 1 - (values[at] - low) / (high - low),
    words: `${show(values[at], curve.factor, curve.unit)} at ${show(steps[at], 1, "")} steps${beside.join("")}`,
  };
}

// A neuron at a step. Every moment reaches back to the one before.
let row = 0;
function onMap(index) {
  const { env_steps: moments, neurons } = run.activity;
  const found = moments.findIndex((moment) => moment >= steps[index]);
  const moment = found < 0 ? moments.length - 1 : found;
  const { id, first, permille } = neurons[row];
  const rate = permille[moment - first];
  const state = moment < first ? "not yet born" : moment >= first + permille.length ? "dead" : show(rate, 0.1, "%");
  return { at: index, down: (row + 0.5) / neurons.length, words: `neuron ${id}: ${state} at ${show(steps[index], 1, "")} steps` };
}

// Which phase an update was of: one that ends a phase has the step at which the next one begins.
function phaseAt(step) {
  const begun = run.life.phases.filter(({ env_step }) => env_step < step).length;
  return Math.max(0, begun - 1);
}

// The scores on all tasks when they were examined last.
function onScores(index) {
  const { env_steps: moments, phase_of, names, scores } = run.life;
  const phase = phaseAt(steps[index]);
  let at = 0;
  moments.forEach((moment, number) => {
    if (moment <= steps[index] && phase_of[number] <= phase) at = number;
  });
  const told = names.map((name, task) => `${name} ${show(scores[task][at], 1, "")}`);
  return { at: index, down: null, words: `${told.join(", ")} at ${show(moments[at], 1, "")} steps` };
}

function read(box, curve, index) {
  const found = box.dataset.heat ? onMap(index) : box.dataset.scores ? onScores(index) : onCurve(curve, index);
  if (!run.life) return found;
  const { phase, name } = run.life.phases[phaseAt(steps[found.at])];
  return { ...found, words: `${found.words}; phase ${phase}, ${name}` };
}

function point(index) {
  for (const { box, curve, cursor, dot, readout } of plots) {
    const { at, down, words } = read(box, curve, index);
    const [left, right] = curve.across;
    const x = `${(100 * Math.min(1, (steps[at] - left) / (right - left)))}%`;
    cursor.hidden = false;
    cursor.style.left = x;
    dot.hidden = down === null;
    dot.style.left = x;
    dot.style.top = `${100 * down}%`;
    readout.replaceChildren("here: ", Object.assign(document.createElement("b"), { textContent: words }));
    box.setAttribute("aria-valuenow", index);
    box.setAttribute("aria-valuetext", words);
  }
}

function nearest(share, [left, right]) {
  const wanted = left + share * (right - left);
  let best = 0;
  steps.forEach((step, index) => {
    if (Math.abs(step - wanted) < Math.abs(steps[best] - wanted)) best = index;
  });
  return best;
}

function seek(wanted) {
  row = Math.min(run.activity.neurons.length - 1, Math.max(0, wanted));
}

let here = steps.length - 1;
for (const { box, curve } of plots) {
  // A slider, to those who cannot see it: the arrow keys move it and its value is spoken.
  box.setAttribute("role", "slider");
  box.setAttribute("aria-valuemin", 0);
  box.setAttribute("aria-valuemax", steps.length - 1);
  box.setAttribute("aria-valuenow", here);
  const follow = (event) => {
    const { left, top, width, height } = box.getBoundingClientRect();
    if (box.dataset.heat) seek(Math.floor((run.activity.neurons.length * (event.clientY - top)) / height));
    point((here = nearest((event.clientX - left) / width, curve.across)));
  };
  box.addEventListener("pointermove", follow);
  box.addEventListener("pointerdown", follow);
  box.addEventListener("keydown", (event) => {
    const down = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (box.dataset.heat && down) {
      event.preventDefault();
      seek(row + down);
      point(here);
      return;
    }
    const far = Math.max(1, Math.round(steps.length / 20));
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageDown: -far, PageUp: far, Home: -steps.length, End: steps.length };
    if (!(event.key in moves)) return;
    event.preventDefault();
    point((here = Math.min(steps.length - 1, Math.max(0, here + moves[event.key]))));
  });
}
