// What was recorded: the page's bytes, read back as numbers.

const NUMBERS = { f8: Float64Array, f4: Float32Array, i4: Int32Array, i2: Int16Array, u1: Uint8Array };

async function readRecording() {
  const text = (id) => document.getElementById(id).textContent;
  const table = JSON.parse(text("replay-table"));
  const deflated = Uint8Array.from(atob(text("replay-block").trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Recording(table, await new Response(stream).arrayBuffer());
}

class Recording {
  constructor(table, block) {
    this.name = table.name;
    this.notes = table.notes;
    this.actions = table.actions;
    this.levels = table.levels;
    this.world = table.world;
    this.palette = table.palette;
    this.tasks = table.tasks;
    const arrays = {};
    for (const [name, { type, start, shape }] of Object.entries(table.arrays)) {
      const length = shape.reduce((product, side) => product * side, 1);
      const values = new NUMBERS[type](block, start, length);
      arrays[name] = { values, shape };
    }
    this.history = {};
    for (const name of ["steps", "neurons", "score", "event_steps", "births", "deaths"]) {
      this.history[name] = arrays[`history/${name}`].values;
    }
    this.chapters = table.chapters.map((about, index) => new Chapter(about, arrays, index, this));
    this.newest = this.chapters.length - 1;
  }
}

// A stretch of life of one chapter's organism. Steps, ticks and neurons count from 0.
class Chapter {
  constructor(about, arrays, index, recording) {
    Object.assign(this, about); // envStep, update, hidden, ticks, tickSeconds, steps, task, life
    this.index = index;
    this.levels = recording.levels;
    this.nActions = recording.actions.length;
    this.array = (name) => arrays[`${index}/${name}`];
    this.spikes = this.array("spikes").values;
    this.potentials = this.array("potentials")?.values;
    this.outputSpikes = this.array("output_spikes")?.values;
    this.ids = this.array("ids").values;
    this.born = this.array("born").values;
    this.birthTask = this.array("birth_task")?.values; // only in a life of several tasks
    this.protected = this.array("protected")?.values;
  }

  // Whether a neuron was born after this step of the training.
  isBornSince(neuron, envStep) {
    return this.born[neuron] > envStep;
  }

  number(name, step) {
    return this.array(name).values[step];
  }

  row(name, step) {
    const array = this.array(name);
    if (!array) return undefined;
    const width = array.values.length / this.steps;
    return array.values.subarray(step * width, (step + 1) * width);
  }

  spike(step, tick, neuron) {
    return bit(this.spikes, (step * this.hidden + neuron) * this.ticks + tick);
  }

  outputSpike(step, tick, action) {
    return bit(this.outputSpikes, (step * this.nActions + action) * this.ticks + tick);
  }

  // In units of the neuron's threshold, cut to -1 … 1; 0 where the page has no potentials.
  potential(step, tick, neuron) {
    if (!this.potentials) return 0;
    const place = (step * this.hidden + neuron) * this.ticks + tick;
    const code = place % 2 ? this.potentials[place >> 1] & 15 : this.potentials[place >> 1] >> 4;
    return (code - this.levels) / this.levels;
  }

  // Spikes of one neuron in the ticks before `end` of a decision.
  spikesOf(step, neuron, end = this.ticks) {
    let count = 0;
    for (let tick = 0; tick < end; tick += 1) count += this.spike(step, tick, neuron);
    return count;
  }

  spikesInTick(step, tick) {
    let count = 0;
    for (let neuron = 0; neuron < this.hidden; neuron += 1) count += this.spike(step, tick, neuron);
    return count;
  }

  // Spikes of each decision.
  get counts() {
    if (!this.allCounts) {
      const width = this.hidden * this.ticks;
      this.allCounts = Array.from({ length: this.steps }, (_, step) => {
        let count = 0;
        for (let place = step * width; place < (step + 1) * width; place += 1) count += bit(this.spikes, place);
        return count;
      });
    }
    return this.allCounts;
  }

  // Spikes per tick and neuron in a decision.
  rate(step) {
    return this.counts[step] / (this.hidden * this.ticks);
  }
}

function bit(bytes, place) {
  return (bytes[place >> 3] >> (7 - (place & 7))) & 1;
}
