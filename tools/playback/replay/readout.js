// The numbers of this moment as text, which is also what a screen reader tells while the page does not play.

const ONLY_WHOLE = "…"; // not decided yet

function writeReadout(clock) {
  const { chapter, recording, step, tick } = clock;
  const food = chapter.number("food", step);
  const decided = tick === WHOLE;
  const texts = {
    step: `${step + 1} of ${chapter.steps}`,
    tick: decided ? `all ${chapter.ticks}` : `${tick + 1} of ${chapter.ticks}`,
    food: food < 0 ? "" : String(food),
    reward: food < 0 ? String(Number(chapter.number("total_reward", step).toFixed(2))) : "",
    task: recording.tasks ? String(chapter.task) : "",
    phase: worldPhase(chapter, step),
    neurons: String(chapter.hidden),
    spikes: String(chapter.counts[step]),
    rate: `${chapter.rate(step).toFixed(3)} / tick`,
    action: decided ? actionName(recording.actions[chapter.number("action", step)]) : ONLY_WHOLE,
    joules: `${(1e9 * chapter.number("joules", step)).toFixed(1)} nJ`,
    training: chapter.envStep.toLocaleString("en"),
  };
  for (const [name, text] of Object.entries(texts)) {
    setText(`now-${name}`, text);
    document.getElementById(`now-${name}`).parentElement.hidden = !text; // such as reward where there is food
  }
  document.getElementById("readout").setAttribute("aria-live", clock.playing ? "off" : "polite");
}

// Unchanged text is left alone, so that nothing is spoken twice.
function setText(id, text) {
  const element = document.getElementById(id);
  if (element.textContent !== text) element.textContent = text;
}
