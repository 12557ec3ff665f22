// Buttons, keys, the scrubber and touch.

const SWIPE_PX = 36;

function connectControls(clock, screen) {
  const on = (id, act) => document.getElementById(id).addEventListener("click", act);
  const scrub = document.getElementById("scrub");
  const help = document.getElementById("help");
  on("play", () => clock.toggle());
  on("back", () => clock.moveSteps(-1));
  on("next", () => clock.moveSteps(1));
  on("tick", () => clock.moveTicks(1));
  on("slower", () => clock.setPace(clock.pace - 1));
  on("faster", () => clock.setPace(clock.pace + 1));
  on("help-open", () => help.showModal());
  scrub.addEventListener("input", () => clock.go(Number(scrub.value)));

  const keys = {
    " ": () => clock.toggle(),
    ArrowLeft: ({ shiftKey }) => (shiftKey ? clock.moveTicks(-1) : clock.moveSteps(-1)),
    ArrowRight: ({ shiftKey }) => (shiftKey ? clock.moveTicks(1) : clock.moveSteps(1)),
    Home: () => clock.go(0),
    End: () => clock.go(clock.chapter.steps - 1),
    PageUp: () => clock.open(clock.index - 1),
    PageDown: () => clock.open(clock.index + 1),
    "+": () => clock.setPace(clock.pace + 1),
    "=": () => clock.setPace(clock.pace + 1),
    "-": () => clock.setPace(clock.pace - 1),
    n: () => screen.followNext(1),
    N: () => screen.followNext(-1),
    Escape: () => screen.follow(undefined),
    h: () => (help.open ? help.close() : help.showModal()),
    H: () => (help.open ? help.close() : help.showModal()),
  };
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    const act = keys[key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === " " && target.closest("button")) return; // the button itself is pressed
    if (help.open && key !== "h" && key !== "H") return;
    event.preventDefault();
    act(event);
  });

  for (const id of ["world", "brain", "raster"]) {
    connectTouch(document.getElementById(id), {
      tap: id === "world" ? () => clock.toggle() : (x, y) => screen.choose(id, x, y),
      swipe: (forward) => clock.moveSteps(forward ? 1 : -1),
    });
  }
  connectDrag(document.getElementById("episode"), (canvas, x) => clock.go(episodeStep(canvas, clock.chapter, x)));
  connectTouch(document.getElementById("growth"), {
    tap: (x) => clock.open(chapterAt(document.getElementById("growth"), clock, x)),
    swipe: (forward) => clock.open(clock.index + (forward ? 1 : -1)),
  });
}

// A tap or click, or a swipe to either side: to the left is forward, as pages turn.
function connectTouch(canvas, { tap, swipe }) {
  let start;
  canvas.addEventListener("pointerdown", ({ offsetX, offsetY, isPrimary }) => {
    start = isPrimary ? [offsetX, offsetY] : undefined;
  });
  canvas.addEventListener("pointercancel", () => {
    start = undefined;
  });
  canvas.addEventListener("pointerup", ({ offsetX, offsetY }) => {
    if (!start) return;
    const [right, down] = [offsetX - start[0], offsetY - start[1]];
    start = undefined;
    if (Math.abs(right) > SWIPE_PX && Math.abs(right) > Math.abs(down)) swipe(right < 0);
    else if (Math.hypot(right, down) < SWIPE_PX / 3) tap(offsetX, offsetY);
  });
}

function connectDrag(canvas, follow) {
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    follow(canvas, event.offsetX);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) follow(canvas, event.offsetX);
  });
}

function showControls(clock) {
  const play = document.getElementById("play");
  play.dataset.icon = clock.playing ? "pause" : "play";
  play.setAttribute("aria-label", clock.playing ? "Pause" : "Play");
  const scrub = document.getElementById("scrub");
  scrub.max = clock.chapter.steps - 1;
  scrub.value = clock.step;
  scrub.setAttribute("aria-valuetext", `step ${clock.step + 1} of ${clock.chapter.steps}`);
  const ticks = clock.speed <= TICKS_UP_TO ? ", tick by tick" : "";
  setText("speed", `${clock.speed} steps/s${ticks}`);
}
