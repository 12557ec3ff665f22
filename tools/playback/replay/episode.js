// The whole recorded stretch at a glance: food, firing rate and energy, with a line where we are.

const EPISODE_LABEL_PX = 104;

function episodeLines(chapter) {
  if (!chapter.lines) {
    const steps = Array.from({ length: chapter.steps }, (_, step) => step);
    const has = chapter.number("food", 0) >= 0;
    const eaten = (step) => chapter.number(has ? "food" : "total_reward", step);
    chapter.lines = [
      { name: has ? "food" : "reward", values: steps.map(eaten), show: (value) => String(Number(value.toFixed(2))) },
      { name: "firing rate", values: steps.map((step) => chapter.rate(step)), show: (value) => `${value.toFixed(3)} / tick` },
      { name: "energy", values: steps.map((step) => 1e9 * chapter.number("joules", step)), show: (value) => `${value.toFixed(1)} nJ` },
    ];
  }
  return chapter.lines;
}

function drawEpisode(canvas, clock) {
  const { chapter, step } = clock;
  const { pen, width, height } = begin(canvas);
  const lines = episodeLines(chapter);
  const band = height / lines.length;
  const plot = width - EPISODE_LABEL_PX;
  const x = (at) => (plot * (at + 0.5)) / chapter.steps;
  const phases = chapter.array("phase")?.values ?? [];
  phases.forEach((phase, at) => at && phase !== phases[at - 1] && drawSwitch(pen, x(at - 0.5), 0, height));
  lines.forEach(({ name, values, show }, index) => {
    const [top, high] = [band * index + 5, band - 10];
    const most = Math.max(...values, 1e-9);
    const least = Math.min(...values, 0);
    const y = (value) => top + high * (1 - (value - least) / (most - least));
    pen.fillStyle = colour.rule;
    pen.fillRect(0, y(0), plot, 1);
    const points = values.flatMap((value, at) => {
      const here = [x(at), y(value)];
      return index === 0 && at > 0 ? [[x(at), y(values[at - 1])], here] : [here];
    });
    stroke(pen, colour.line, index === 0 ? 2 : 1.2, points);
    fill(pen, colour.choice, () => pen.arc(x(step), y(values[step]), 3.5, 0, 2 * Math.PI));
    write(pen, name, plot + 10, top + high / 2 - 8, { size: 12 });
    write(pen, show(values[step]), plot + 10, top + high / 2 + 8, { tone: colour.ink, size: 14, bold: true });
  });
  pen.fillStyle = colour.choice;
  pen.fillRect(x(step) - 0.75, 0, 1.5, height);
}

// The step under a place on the canvas.
function episodeStep(canvas, chapter, x) {
  return Math.floor((x / (canvas.clientWidth - EPISODE_LABEL_PX)) * chapter.steps);
}
