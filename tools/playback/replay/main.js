// The page put together.

class Screen {
  constructor(recording) {
    this.clock = new Clock(recording, () => this.changed());
    this.chosen = undefined; // the neuron that was tapped
    this.canvas = (id) => document.getElementById(id);
  }

  start() {
    readColours();
    makeChapterButtons(document.getElementById("chapters"), this.clock);
    makeTaskLegends(this.clock.recording);
    connectControls(this.clock, this);
    darkScheme.addEventListener("change", () => {
      readColours();
      this.changed();
    });
    new ResizeObserver(() => this.changed()).observe(document.querySelector("main"));
    this.changed();
    if (!calm.matches) this.clock.play();
  }

  // Several changes make one drawing.
  changed() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.due = false;
    const { clock, chosen } = this;
    if (chosen >= clock.chapter.hidden) this.chosen = undefined;
    drawWorld(this.canvas("world"), clock);
    drawBrain(this.canvas("brain"), clock, this.chosen);
    drawDecision(this.canvas("decision"), clock);
    drawRaster(this.canvas("raster"), clock, this.chosen);
    drawEpisode(this.canvas("episode"), clock);
    drawGrowth(this.canvas("growth"), clock);
    markChapter(document.getElementById("chapters"), clock.index);
    writeReadout(clock);
    setText("life", clock.chapter.life);
    showControls(clock);
    setText("neuron", this.chosen === undefined ? "Tap a neuron, or press n, to follow it." : neuronText(clock, this.chosen));
  }

  choose(id, x, y) {
    const { clientWidth, clientHeight } = this.canvas(id);
    const { chapter } = this.clock;
    const neuron = id === "brain"
      ? brainLayout(clientWidth, clientHeight, chapter.hidden).at(x, y)
      : Math.floor(y / rasterLayout(clientHeight, chapter).row);
    this.follow(neuron === this.chosen || neuron >= chapter.hidden ? undefined : neuron);
  }

  // Undefined: no neuron.
  follow(neuron) {
    this.chosen = neuron;
    this.changed();
  }

  followNext(by) {
    const { hidden } = this.clock.chapter;
    this.follow(((this.chosen ?? (by > 0 ? -1 : 0)) + by + hidden) % hidden);
  }
}

// The one thing that the page shows to scripts. Chapters, steps, ticks and neurons count from 0.
function makeReplay(recording, screen) {
  const { clock } = screen;
  const { chapters } = recording;
  return Object.freeze({
    chapters: chapters.map(({ envStep, update, hidden, ticks, steps }) => ({ envStep, update, hidden, ticks, steps })),
    // Where the page is; tick is null while the decision is shown as a whole.
    state: () => ({
      chapter: clock.index,
      step: clock.step,
      tick: clock.tick === WHOLE ? null : clock.tick,
      playing: clock.playing,
      speed: clock.speed,
    }),
    open: (chapter) => clock.open(chapter),
    go: (step, tick = null) => clock.go(step, tick ?? WHOLE),
    play: () => clock.play(),
    pause: () => clock.pause(),
    // What was recorded: spikes as 0 or 1, potentials in units of the threshold.
    spike: (chapter, step, tick, neuron) => chapters[chapter].spike(step, tick, neuron),
    potential: (chapter, step, tick, neuron) => chapters[chapter].potential(step, tick, neuron),
    // Centre of a neuron's cell on the canvas "brain", in CSS pixels, and the side of the cell.
    cell: (neuron) => {
      const { clientWidth, clientHeight } = document.getElementById("brain");
      const { px, centre } = brainLayout(clientWidth, clientHeight, clock.chapter.hidden);
      return [...centre(neuron), px];
    },
  });
}

async function start() {
  setText("loading", "Unpacking the recording …");
  const recording = await readRecording();
  setText("notes", recording.notes.join(" "));
  document.getElementById("notes").hidden = !recording.notes.length;
  setText("name", recording.name);
  document.getElementById("loading").remove();
  document.body.classList.remove("waiting");
  const screen = new Screen(recording);
  window.replay = makeReplay(recording, screen);
  screen.start();
}

start().catch((problem) => {
  const old = typeof DecompressionStream === "undefined";
  const why = old ? "This browser cannot unpack the recording; any version since 2023 can." : `The recording cannot be read: ${problem.message}`;
  setText("loading", why);
  if (!old) throw problem;
});
