"use strict";
// Reading off values: every curve has the same steps, so one cursor moves over all of them.
const { columns } = JSON.parse(document.getElementById("run-data").textContent);
const steps = columns.env_steps || [];
const plots = [...document.querySelectorAll(".plot")].map((box) => ({
  box,
  curve: JSON.parse(box.dataset.curve),
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

function point(index) {
  for (const { box, curve, cursor, dot, readout } of plots) {
    const value = columns[curve.column][index];
    const [left, right] = curve.across;
    const [low, high] = curve.up;
    const x = `${(100 * (steps[index] - left)) / (right - left)}%`;
    cursor.hidden = false;
    cursor.style.left = x;
    dot.hidden = value === null;
    dot.style.left = x;
    dot.style.top = `${100 * (1 - (value - low) / (high - low))}%`;
    const beside = Object.entries(curve.beside)
      .map(([name, column]) => `, ${name} ${show(columns[column] && columns[column][index], 1, "")}`).join("");
    const words = `${show(value, curve.factor, curve.unit)} at ${show(steps[index], 1, "")} steps${beside}`;
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

let here = steps.length - 1;
for (const { box, curve } of plots) {
  // A slider, to those who cannot see it: the arrow keys move it and its value is spoken.
  box.setAttribute("role", "slider");
  box.setAttribute("aria-valuemin", 0);
  box.setAttribute("aria-valuemax", steps.length - 1);
  box.setAttribute("aria-valuenow", here);
  const follow = (event) => {
    const { left, width } = box.getBoundingClientRect();
    point((here = nearest((event.clientX - left) / width, curve.across)));
  };
  box.addEventListener("pointermove", follow);
  box.addEventListener("pointerdown", follow);
  box.addEventListener("keydown", (event) => {
    const far = Math.max(1, Math.round(steps.length / 20));
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageDown: -far, PageUp: far, Home: -steps.length, End: steps.length };
    if (!(event.key in moves)) return;
    event.preventDefault();
    point((here = Math.min(steps.length - 1, Math.max(0, here + moves[event.key]))));
  });
}
