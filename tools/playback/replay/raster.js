// Spikes of the last steps: a line for each neuron, the oldest on top, and thicker ones for the outputs at the bottom.

const RASTER_STEPS = 24;

// Heights in CSS pixels: of a neuron's line, of the gap, and of all output neurons.
function rasterLayout(height, { hidden, nActions, outputSpikes }) {
  const outputs = outputSpikes ? Math.min(nActions * 5, height * 0.2) : 0;
  const gap = outputs ? 7 : 0;
  return { outputs, gap, row: (height - outputs - gap) / hidden };
}

function drawRaster(canvas, clock, chosen) {
  const { chapter, step, passed } = clock;
  const { pen, width, height } = begin(canvas);
  const { hidden, ticks, nActions } = chapter;
  const column = width / (RASTER_STEPS * ticks);
  const { outputs, gap, row } = rasterLayout(height, chapter);
  const shown = Math.min(RASTER_STEPS, step + 1);
  const left = (past) => (past - step + RASTER_STEPS - 1) * ticks * column;

  pen.fillStyle = colour.card;
  pen.fillRect(left(step), 0, ticks * column, height);
  pen.fillStyle = colour.rule;
  for (let past = step - shown + 1; past <= step; past += 1) pen.fillRect(Math.round(left(past)), 0, 1, height);
  if (gap) pen.fillRect(0, height - outputs - gap / 2 - 0.5, width, 1);
  if (chosen !== undefined) {
    pen.globalAlpha = 0.3;
    pen.fillStyle = colour.choice;
    pen.fillRect(0, row * chosen - 1, width, row + 2);
    pen.globalAlpha = 1;
  }
  const mark = [Math.max(1.2, column * 0.8), Math.max(1, row * 0.85)];
  pen.fillStyle = colour.ink;
  for (let past = step - shown + 1; past <= step; past += 1) {
    const end = past === step ? passed : ticks;
    for (let neuron = 0; neuron < hidden; neuron += 1) {
      for (let tick = 0; tick < end; tick += 1) {
        if (chapter.spike(past, tick, neuron)) pen.fillRect(left(past) + tick * column, row * neuron, ...mark);
      }
    }
  }
  pen.fillStyle = colour.spike;
  const thick = outputs / nActions;
  for (let past = step - shown + 1; outputs && past <= step; past += 1) {
    const end = past === step ? passed : ticks;
    for (let action = 0; action < nActions; action += 1) {
      const y = height - outputs + thick * action;
      for (let tick = 0; tick < end; tick += 1) {
        if (chapter.outputSpike(past, tick, action)) {
          pen.fillRect(left(past) + tick * column, y, Math.max(1.2, column * 0.8), Math.max(1, thick - 1));
        }
      }
    }
  }
  if (clock.tick !== WHOLE) {
    pen.fillStyle = colour.choice;
    pen.fillRect(left(step) + passed * column, 0, 1.5, height);
  }
}
