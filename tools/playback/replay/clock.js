// Where in the recording we are, and how time goes on.

const SPEEDS = [0.2, 0.5, 1, 2, 5, 10, 20, 50]; // steps a second
const TICKS_UP_TO = 2; // steps a second at which ticks can still be followed
const WHOLE = -1; // in place of a tick: the decision as a whole

class Clock {
  constructor(recording, changed) {
    this.recording = recording;
    this.changed = changed;
    this.index = recording.newest;
    this.step = 0;
    this.tick = WHOLE;
    this.playing = false;
    this.pace = SPEEDS.indexOf(2);
  }

  get chapter() {
    return this.recording.chapters[this.index];
  }

  get speed() {
    return SPEEDS[this.pace];
  }

  // Ticks that have passed of the decision.
  get passed() {
    return this.tick === WHOLE ? this.chapter.ticks : this.tick + 1;
  }

  get atEnd() {
    return this.step === this.chapter.steps - 1 && this.tick === WHOLE;
  }

  go(step, tick = WHOLE) {
    this.step = Math.min(Math.max(Math.round(step), 0), this.chapter.steps - 1);
    this.tick = Math.min(Math.max(Math.round(tick), WHOLE), this.chapter.ticks - 1);
    this.owed = 0;
    this.changed();
  }

  open(index) {
    this.index = Math.min(Math.max(index, 0), this.recording.newest);
    this.go(0);
  }

  moveSteps(by) {
    this.pause();
    this.go(this.step + by);
  }

  // The whole decision comes after its last tick.
  moveTicks(by) {
    this.pause();
    const slots = this.chapter.ticks + 1;
    const last = this.chapter.steps * slots - 1;
    const place = this.step * slots + (this.tick === WHOLE ? slots - 1 : this.tick);
    const next = Math.min(Math.max(place + by, 0), last);
    const tick = next % slots;
    this.go(Math.floor(next / slots), tick === slots - 1 ? WHOLE : tick);
  }

  setPace(pace) {
    this.pace = Math.min(Math.max(pace, 0), SPEEDS.length - 1);
    this.changed();
  }

  play() {
    if (this.playing) return;
    if (this.atEnd && this.index === this.recording.newest) this.go(0);
    this.playing = true;
    this.owed = 0;
    this.last = performance.now();
    requestAnimationFrame((now) => this.frame(now));
    this.changed();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.changed();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  frame(now) {
    if (!this.playing) return;
    // A tab that comes back from the background goes on where it was.
    const seconds = Math.min(Math.max(now - this.last, 0) / 1000, 0.25);
    this.last = now;
    this.advance(seconds);
    if (this.playing) requestAnimationFrame((later) => this.frame(later));
  }

  // At slow speeds time goes by ticks, and the whole decision stands as long as half of its ticks.
  advance(seconds) {
    const { ticks } = this.chapter;
    const byTicks = this.speed <= TICKS_UP_TO;
    const slots = byTicks ? 1.5 * ticks : 1;
    this.owed += seconds * this.speed * slots;
    const before = [this.index, this.step, this.tick].join();
    while (this.playing) {
      const cost = byTicks && this.tick === WHOLE ? 0.5 * ticks : 1;
      if (this.owed < cost) break;
      this.owed -= cost;
      this.next(byTicks);
    }
    if ([this.index, this.step, this.tick].join() !== before) this.changed();
  }

  next(byTicks) {
    const last = this.chapter.ticks - 1;
    if (byTicks && this.tick !== WHOLE) {
      this.tick = this.tick === last ? WHOLE : this.tick + 1;
    } else if (this.step < this.chapter.steps - 1) {
      this.step += 1;
      this.tick = byTicks ? 0 : WHOLE;
    } else if (this.index < this.recording.newest) {
      this.index += 1; // the organism grows
      this.step = 0;
      this.tick = byTicks ? 0 : WHOLE;
    } else {
      this.tick = WHOLE;
      this.pause();
    }
  }
}
