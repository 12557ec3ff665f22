// The world before the step that is shown, with the way here and the move that was chosen.

const TRAIL = 12; // steps
const TURNS = { up: [0, -1], down: [0, 1], left: [-1, 0], right: [1, 0] };

function drawWorld(canvas, clock) {
  const { recording, chapter, step } = clock;
  if (recording.world) drawGrid(canvas, clock);
  else if (chapter.array("pictures")) drawPicture(canvas, chapter.array("pictures"), step);
  else {
    const { pen, width, height } = begin(canvas);
    write(pen, "no picture of this world", width / 2, height / 2, { align: "center", size: 14 });
  }
}

function drawGrid(canvas, clock) {
  const { recording, chapter, step } = clock;
  const { palette, world: { side, maps } } = recording;
  const dark = darkScheme.matches;
  const sprites = new Sprites(palette, dark);
  const { pen, width, height } = begin(canvas);
  const rim = 5;
  const px = (Math.min(width, height) - 2 * rim) / side;
  const [left, top] = [(width - side * px) / 2, (height - side * px) / 2];
  const corner = (cell) => [left + (cell % side) * px, top + Math.floor(cell / side) * px];
  const ground = (tone) => (dark ? mix(tone, palette.NIGHT, 0.9) : tone);

  fill(pen, rgb(ground(palette.FRAME)), () => pen.roundRect(left - rim, top - rim, side * px + 2 * rim, side * px + 2 * rim, 7));
  pen.fillStyle = rgb(ground(palette.FLOOR[0]));
  pen.fillRect(left, top, side * px, side * px);
  pen.fillStyle = rgb(dark ? mix(palette.FLOOR[1], palette.NIGHT, 0.96) : palette.FLOOR[1]);
  for (let cell = 0; cell < side * side; cell += 1) {
    if ((Math.floor(cell / side) + (cell % side)) % 2) pen.fillRect(...corner(cell), px, px);
  }
  const { walls, patches } = maps[chapter.number("map", step)];
  for (const [row, column, high, wide] of patches) {
    pen.beginPath();
    pen.roundRect(left + column * px, top + row * px, wide * px, high * px, 0.3 * px);
    Object.assign(pen, { fillStyle: rgb(palette.PATCH, dark ? 0.16 : 0.5), strokeStyle: rgb(palette.PATCH_EDGE, 0.7), lineWidth: 1.5 });
    pen.fill();
    pen.stroke();
  }
  walls.forEach((cell) => sprites.wall(pen, ...corner(cell), px));
  drawTrail(pen, chapter, step, (cell) => corner(cell).map((place) => place + px / 2), px, rgb(dark ? mix(palette.AGENT, [255, 255, 255], 0.45) : palette.AGENT, 0.7));
  chapter.row("items", step).forEach((cell) => cell >= 0 && sprites.food(pen, ...corner(cell), px));
  chapter.row("poison", step).forEach((cell) => cell >= 0 && sprites.poisoned(pen, ...corner(cell), px));
  const seen = chapter.row("seen", step);
  if (seen) {
    const [first, last, start, stop] = seen;
    fill(pen, dark ? "rgb(0 0 0 / 0.5)" : rgb(palette.NIGHT, 0.42), () => {
      pen.rect(left, top, side * px, side * px);
      pen.rect(left + start * px, top + first * px, (stop - start) * px, (last - first) * px);
    }, "evenodd");
  }
  const place = corner(chapter.number("agent", step));
  sprites.agent(pen, ...place, px, chapter.number("heading", step));
  const move = TURNS[recording.actions[chapter.number("action", step)]];
  if (clock.tick === WHOLE && move) drawMove(pen, place.map((at) => at + px / 2), move, px);
}

// Where the agent was before, fading.
function drawTrail(pen, chapter, step, centre, px, tone) {
  for (let back = Math.min(TRAIL, step); back > 0; back -= 1) {
    const [from, to] = [step - back, step - back + 1].map((past) => centre(chapter.number("agent", past)));
    pen.globalAlpha = 1 - back / (TRAIL + 1);
    stroke(pen, tone, px * 0.14, [from, to]);
  }
  pen.globalAlpha = 1;
}

// An arrow head beyond the agent, towards the cell that it goes to.
function drawMove(pen, [x, y], [right, down], px) {
  pen.save();
  pen.translate(x + right * px * 0.86, y + down * px * 0.86);
  pen.rotate(Math.atan2(down, right));
  pen.scale(px / 2, px / 2);
  fill(pen, colour.choice, () => polygon(pen, [[-0.55, -0.8], [0.7, 0], [-0.55, 0.8], [-0.22, 0]]));
  pen.lineWidth = 0.12;
  pen.strokeStyle = colour.paper;
  pen.stroke();
  pen.restore();
}

// A small picture as Gymnasium drew it: a byte a pixel, 3 bits of red, 3 of green, 2 of blue.
function drawPicture(canvas, { values, shape: [, rows, columns] }, step) {
  const { pen, width, height } = begin(canvas);
  const small = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  const offset = step * rows * columns;
  for (let pixel = 0; pixel < rows * columns; pixel += 1) {
    const byte = values[offset + pixel];
    image.data.set([((byte >> 5) * 255) / 7, (((byte >> 2) & 7) * 255) / 7, ((byte & 3) * 255) / 3, 255], 4 * pixel);
  }
  small.getContext("2d").putImageData(image, 0, 0);
  const scale = Math.min(width / columns, height / rows);
  const [wide, high] = [columns * scale, rows * scale];
  pen.drawImage(small, (width - wide) / 2, (height - high) / 2, wide, high);
}
