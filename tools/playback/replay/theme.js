// Colours and canvases.

const query = (text) => window.matchMedia(text);
const darkScheme = query("(prefers-color-scheme: dark)");
const calm = query("(prefers-reduced-motion: reduce)");

// The custom properties of the style sheet that drawings use, by name without the dashes.
const COLOURS = ["paper", "card", "ink", "quiet", "rule", "rest", "high", "below", "spike", "spike-rim", "born", "died",
  "line", "choice", "task-0", "task-1", "task-2", "task-3", "task-4", "task-5"];
let colour = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  colour = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

// Red, green and blue between two colours.
function mix(from, to, share) {
  return from.map((value, index) => value + (to[index] - value) * share);
}

const rgb = (tone, opacity = 1) => `rgb(${tone.map(Math.round).join(" ")} / ${opacity})`;

// "#rrggbb" as numbers.
const toneOf = (hex) => [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16));

// Make the canvas as sharp as the screen and clear it; gives its pen, whose unit is a CSS pixel, and its size in those.
function begin(canvas) {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const [columns, rows] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== columns || canvas.height !== rows) Object.assign(canvas, { width: columns, height: rows });
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

function write(pen, text, x, y, { tone = colour.quiet, align = "left", size = 12, bold = false } = {}) {
  pen.font = `${bold ? "600 " : ""}${size}px system-ui, sans-serif`;
  pen.fillStyle = tone;
  pen.textAlign = align;
  pen.textBaseline = "middle";
  pen.fillText(text, x, y);
}

// 1234567 -> "1.23 M".
function short(number) {
  const size = Math.abs(number);
  if (size >= 1e6) return `${Number((number / 1e6).toPrecision(3))} M`;
  if (size >= 1e4) return `${Math.round(number / 1e3)} k`;
  if (size >= 1e3) return `${Number((number / 1e3).toPrecision(2))} k`;
  return String(Math.round(number));
}
