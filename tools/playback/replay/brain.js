// Every neuron as a cell, in the order of birth: a disc that grows and deepens as its potential nears the threshold, a
// ring where it is below rest, a diamond where it spikes.

const MAX_CELL_PX = 40;

// The largest square cells with which all neurons fit, and then no larger than need be.
function brainLayout(width, height, hidden) {
  let best = { px: 0, columns: 1 };
  for (let columns = 1; columns <= hidden; columns += 1) {
    const px = Math.min(width / columns, height / Math.ceil(hidden / columns));
    if (px > best.px) best = { px, columns };
  }
  best.px = Math.min(best.px, MAX_CELL_PX);
  const rows = Math.ceil(hidden / best.columns);
  const left = (width - best.px * Math.min(best.columns, hidden)) / 2;
  const top = (height - best.px * rows) / 2;
  const centre = (neuron) => [
    left + ((neuron % best.columns) + 0.5) * best.px,
    top + (Math.floor(neuron / best.columns) + 0.5) * best.px,
  ];
  const at = (x, y) => {
    const [column, row] = [Math.floor((x - left) / best.px), Math.floor((y - top) / best.px)];
    const neuron = row * best.columns + column;
    return column >= 0 && column < best.columns && row >= 0 && neuron < hidden ? neuron : undefined;
  };
  return { ...best, centre, at };
}

function drawBrain(canvas, clock, chosen) {
  const { chapter, step, tick, recording } = clock;
  const { pen, width, height } = begin(canvas);
  const { px, centre } = brainLayout(width, height, chapter.hidden);
  const last = tick === WHOLE ? chapter.ticks - 1 : tick;
  const before = chapter.index > 0 ? recording.chapters[chapter.index - 1].envStep : Infinity;
  const [rest, high] = [toneOf(colour.rest), toneOf(colour.high)];
  for (let neuron = 0; neuron < chapter.hidden; neuron += 1) {
    const [x, y] = centre(neuron);
    if (chapter.birthTask) drawBirthTask(pen, x, y, px, chapter.birthTask[neuron], chapter.protected[neuron]);
    const spikes = tick === WHOLE ? chapter.spikesOf(step, neuron) : chapter.spike(step, tick, neuron);
    if (spikes) drawSpike(pen, x, y, px, tick === WHOLE ? spikes / chapter.ticks : 0.5);
    else drawPotential(pen, x, y, px, chapter.potential(step, last, neuron), rest, high);
    if (chapter.isBornSince(neuron, before)) drawNewborn(pen, x, y, px);
    if (neuron === chosen) {
      Object.assign(pen, { strokeStyle: colour.ink, lineWidth: 2 });
      pen.strokeRect(x - px / 2 + 1, y - px / 2 + 1, px - 2, px - 2);
    }
  }
}

function drawPotential(pen, x, y, px, potential, rest, high) {
  if (potential < 0) {
    pen.beginPath();
    pen.arc(x, y, px * (0.2 - 0.06 * potential), 0, 2 * Math.PI);
    Object.assign(pen, { strokeStyle: colour.below, lineWidth: Math.max(1, px * 0.07) });
    pen.stroke();
    return;
  }
  fill(pen, rgb(mix(rest, high, potential)), () => pen.arc(x, y, px * (0.16 + 0.22 * potential), 0, 2 * Math.PI));
}

// `share`: of the ticks in which it spiked; more is larger.
function drawSpike(pen, x, y, px, share) {
  const reach = px * (0.36 + 0.11 * Math.min(1, 2 * share));
  fill(pen, colour.spike, () => polygon(pen, [[x, y - reach], [x + reach, y], [x, y + reach], [x - reach, y]]));
  Object.assign(pen, { strokeStyle: colour["spike-rim"], lineWidth: Math.max(1, px * 0.07) });
  pen.stroke();
}

// A corner turned up, like the mark of births.
function drawNewborn(pen, x, y, px) {
  const [right, top, size] = [x + px * 0.46, y - px * 0.46, Math.max(3, px * 0.26)];
  fill(pen, colour.born, () => polygon(pen, [[right - size, top + size], [right, top + size], [right - size / 2, top]]));
}

// What is known of one neuron now, in words.
function neuronText({ chapter, step, tick }, neuron) {
  const last = tick === WHOLE ? chapter.ticks - 1 : tick;
  const born = chapter.born[neuron];
  const spikes = chapter.spikesOf(step, neuron);
  const potential = chapter.potential(step, last, neuron);
  const level = potential <= -1 ? "−1 or below" : potential.toFixed(2).replace("-", "−");
  return [
    `neuron ${chapter.ids[neuron]}`,
    born > 0 ? `born at training step ${born.toLocaleString("en")}` : "a founder",
    ...(chapter.birthTask ? [`born in task ${chapter.birthTask[neuron]}`] : []),
    ...(chapter.protected?.[neuron] ? ["protected"] : []),
    `${spikes} ${spikes === 1 ? "spike" : "spikes"} in this decision`,
    ...(chapter.potentials ? [`potential ${level} of the threshold`] : []),
  ].join(" · ");
}
