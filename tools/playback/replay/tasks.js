// A life of several tasks: their colours, by number; after the last one the first comes back.

const TASK_COLOURS = 6;
const BAND_PX = 5;

const taskTone = (task) => colour[`task-${task % TASK_COLOURS}`];

// A bar at the foot of a neuron's cell, in the colour of the task that it was born in; all around where it is protected.
function drawBirthTask(pen, x, y, px, task, isProtected) {
  const half = px / 2 - 0.5;
  const thick = Math.max(2, px * 0.1);
  pen.fillStyle = taskTone(task);
  pen.fillRect(x - half + 1, y + half - thick, 2 * half - 2, thick);
  if (!isProtected) return;
  const line = Math.max(1, px * 0.05);
  Object.assign(pen, { strokeStyle: taskTone(task), lineWidth: line });
  pen.strokeRect(x - half + 1 + line / 2, y - half + 1 + line / 2, 2 * half - 2 - line, 2 * half - 1 - line);
}

// Where the organism went from one task to another: a band below the plot and lines over it.
function drawTasks(pen, { spans, switches }, { x, last, top, bottom }) {
  spans.forEach(([step, task], place) => {
    const [from, to] = [place ? x(step) : x(0), x(spans[place + 1]?.[0] ?? last)];
    pen.fillStyle = taskTone(task);
    pen.fillRect(from, bottom, to - from, BAND_PX);
  });
  for (const step of switches) drawSwitch(pen, x(step), top, bottom);
}

function drawSwitch(pen, at, top, bottom) {
  pen.setLineDash([3, 3]);
  stroke(pen, colour.quiet, 1, [[at, top], [at, bottom]], "butt");
  pen.setLineDash([]);
}

// What bars and lines mean.
function makeTaskLegends({ tasks }) {
  document.getElementById("growth-tasks").hidden = !tasks;
  const box = document.getElementById("tasks");
  box.hidden = !tasks || tasks.numbers.length < 2;
  if (box.hidden) return;
  const swatches = tasks.numbers.map((task) => `<span><i class="task" style="--tone: var(--task-${task % TASK_COLOURS})"></i> ${task}</span>`);
  box.innerHTML = `<span>born in task</span>${swatches.join("")}<span><i class="protected"></i> protected</span>`;
}

function worldPhase(chapter, step) {
  if (!chapter.array("phase")) return "";
  const task = chapter.number("phase_task", step);
  return task < 0 ? String(chapter.number("phase", step)) : `${chapter.number("phase", step)}, task ${task}`;
}
