// The output neurons of a decision, and which action came of it.

const ARROWS = { up: "↑", down: "↓", left: "←", right: "→" };

const actionName = (name) => (ARROWS[name] ? `${ARROWS[name]} ${name}` : name);

function drawDecision(canvas, clock) {
  const { chapter, recording, step, passed } = clock;
  const { pen, width, height } = begin(canvas);
  const { actions } = recording;
  const band = Math.min(height / actions.length, 46);
  const top = (height - band * actions.length) / 2;
  const probabilities = chapter.row("probabilities", step);
  const chosen = clock.tick === WHOLE ? chapter.number("action", step) : undefined;
  const inside = width - 12;
  const ticksAt = 74;
  actions.forEach((name, action) => {
    const y = top + band * action;
    const middle = y + band * 0.38;
    if (action === chosen) {
      fill(pen, colour.card, () => pen.roundRect(1, y + 1, width - 2, band - 2, 6));
      Object.assign(pen, { strokeStyle: colour.choice, lineWidth: 2 });
      pen.stroke();
    }
    const bold = action === chosen;
    write(pen, actionName(name), 10, middle, { tone: colour.ink, size: 13, bold });
    if (chapter.outputSpikes) {
      const slot = (inside - 46 - ticksAt) / chapter.ticks;
      let spikes = 0;
      for (let tick = 0; tick < chapter.ticks; tick += 1) {
        const fired = tick < passed && chapter.outputSpike(step, tick, action);
        spikes += fired;
        const [high, tone] = fired ? [band * 0.42, colour.spike] : [2, colour.rule];
        pen.fillStyle = tone;
        pen.fillRect(ticksAt + slot * tick + 1, middle - high / 2, Math.max(1.5, slot - 2), high);
      }
      write(pen, (spikes / chapter.ticks).toFixed(2), inside, middle, { tone: colour.ink, align: "right", size: 13, bold });
    }
    const bar = { left: 10, y: y + band * 0.76, height: Math.max(3, band * 0.11), width: inside - 10 - 46 };
    pen.fillStyle = colour.rule;
    pen.fillRect(bar.left, bar.y, bar.width, bar.height);
    pen.fillStyle = colour.line;
    pen.fillRect(bar.left, bar.y, bar.width * probabilities[action], bar.height);
    const percent = `${Math.round(100 * probabilities[action])} %`;
    if (band > 24) write(pen, percent, inside, bar.y + bar.height / 2, { align: "right", size: 11 });
  });
}
