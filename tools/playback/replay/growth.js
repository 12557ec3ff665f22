// The organism over its training: living neurons with births (▲) and deaths (▼), and how well it did.

const MARK_PX = 16; // births and deaths closer than that share a mark

function growthFrame(canvas, { recording }) {
  const { history, chapters } = recording;
  const [left, right] = [40, 46];
  const last = Math.max(chapters.at(-1).envStep, history.steps.at(-1) ?? 0, 1);
  const plot = canvas.clientWidth - left - right;
  return { left, right, last, plot, x: (step) => left + (plot * step) / last };
}

function drawGrowth(canvas, clock) {
  const { recording: { history, chapters, tasks }, index } = clock;
  const { pen, width, height } = begin(canvas);
  const { left, right, last, x } = growthFrame(canvas, clock);
  const [top, bottom] = [24, height - 24];
  const sizes = sizeSteps(history, chapters);
  const most = Math.max(...sizes.map(([, size]) => size));
  const y = (size) => bottom - ((bottom - top) * size) / most;

  const here = chapters[index].envStep;
  pen.fillStyle = colour.rule;
  pen.fillRect(left, bottom, width - left - right, 1);
  if (tasks) drawTasks(pen, tasks, { x, last, top, bottom });
  pen.fillStyle = colour.rule;
  for (const { envStep } of chapters) pen.fillRect(x(envStep) - 0.5, bottom, 1, 6);
  write(pen, String(most), left - 6, y(most), { align: "right" });
  write(pen, "0", left - 6, bottom, { align: "right" });
  write(pen, `${short(last)} steps`, width - right, height - 9, { align: "right" });
  write(pen, "training", left, height - 9);

  const scores = [...history.score].map((score, at) => [history.steps[at], score]);
  const values = scores.map(([, score]) => score).filter((score) => !Number.isNaN(score));
  if (values.length > 1) {
    const [low, peak] = [Math.min(...values, 0), Math.max(...values)];
    const up = (score) => bottom - ((bottom - top) * (score - low)) / (peak - low || 1);
    pen.setLineDash([6, 5]);
    for (const stretch of knownStretches(scores)) {
      stroke(pen, colour.quiet, 1.6, stretch.map(([step, score]) => [x(step), up(score)]), "butt");
    }
    pen.setLineDash([]);
    write(pen, peak.toPrecision(3), width - right + 6, up(peak));
    write(pen, low ? low.toPrecision(3) : "0", width - right + 6, bottom);
  }
  const stairs = sizes.flatMap(([step, size], at) => (at ? [[x(step), y(sizes[at - 1][1])], [x(step), y(size)]] : [[x(step), y(size)]]));
  stroke(pen, colour.line, 2.4, [...stairs, [x(last), y(sizes.at(-1)[1])]]);
  for (const { at, births, deaths } of gathered(history, x)) {
    if (births) write(pen, `▲${births}`, at, 9, { tone: colour.born, align: "center", size: 11 });
    if (deaths) write(pen, `▼${deaths}`, at, bottom - 9, { tone: colour.died, align: "center", size: 11 });
  }
  pen.fillStyle = colour.choice;
  pen.fillRect(x(here) - 1, top - 6, 2, bottom - top + 12);
  fill(pen, colour.choice, () => pen.arc(x(here), y(chapters[index].hidden), 4.5, 0, 2 * Math.PI));
}

// The score's curve without the gaps in which no episode has ended yet in new worlds.
function knownStretches(scores) {
  const stretches = [[]];
  for (const point of scores) {
    if (Number.isNaN(point[1])) stretches.push([]);
    else stretches.at(-1).push(point);
  }
  return stretches.filter((stretch) => stretch.length > 1);
}

// [training step, living neurons], ascending.
function sizeSteps({ steps, neurons }, chapters) {
  const known = [...steps].map((step, at) => [step, neurons[at]]);
  return [...known, ...chapters.map(({ envStep, hidden }) => [envStep, hidden])].sort(([one], [other]) => one - other);
}

// Births and deaths, those of near events together.
function gathered({ event_steps: steps, births, deaths }, x) {
  const marks = [];
  steps.forEach((step, event) => {
    const at = x(step);
    const near = marks.at(-1);
    if (near && at - near.at < 2 * MARK_PX) {
      near.births += births[event];
      near.deaths += deaths[event];
    } else marks.push({ at, births: births[event], deaths: deaths[event] });
  });
  return marks;
}

// The chapter nearest to a place on the canvas.
function chapterAt(canvas, clock, at) {
  const { x } = growthFrame(canvas, clock);
  const away = clock.recording.chapters.map(({ envStep }) => Math.abs(x(envStep) - at));
  return away.indexOf(Math.min(...away));
}

function makeChapterButtons(box, clock) {
  for (const { index, envStep, hidden, steps } of clock.recording.chapters) {
    const button = document.createElement("button");
    button.type = "button";
    button.id = `chapter-${index}`;
    button.innerHTML = `<b>${short(envStep).replace(" ", "")}</b><span>${hidden}</span>`;
    button.setAttribute("aria-label", `Chapter ${index + 1}: after ${envStep.toLocaleString("en")} training steps, `
      + `${hidden} neurons, ${steps} steps recorded`);
    button.addEventListener("click", () => clock.open(index));
    box.append(button);
  }
}

function markChapter(box, index) {
  [...box.children].forEach((button, at) => {
    if (at === index) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  });
}
