// What stands on a cell, in the shapes and colours of foraging_env.render. Coordinates run from -1 to 1 over the cell.

const TINY_PX = 10; // smaller cells get marks instead of drawings

class Sprites {
  // `palette`: colours by name, of the package; in the dark they keep their hues on a darker ground.
  constructor(palette, dark) {
    this.palette = palette;
    this.tone = (name, opacity) => rgb(palette[name], opacity);
    this.poison = dark ? rgb(mix(palette.POISON, palette.POISON_MARK, 0.42)) : this.tone("POISON");
    this.poisonMark = dark ? this.tone("POISON") : this.tone("POISON_MARK");
    this.leaf = dark ? rgb(mix(palette.LEAF, [255, 255, 255], 0.35)) : this.tone("LEAF");
  }

  // Calls draw(pen) with the cell's centre as origin and its half side as unit.
  static at(pen, x, y, px, draw, turn = 0) {
    pen.save();
    pen.translate(x + px / 2, y + px / 2);
    pen.scale(px / 2, px / 2);
    pen.rotate(turn);
    draw(pen);
    pen.restore();
  }

  wall(pen, x, y, px) {
    Sprites.at(pen, x, y, px, () => {
      fill(pen, this.tone("WALL_SHADE"), () => pen.rect(-1, -1, 2, 2));
      fill(pen, this.tone("WALL_LIGHT"), () => polygon(pen, [[-1, -1], [1, -1], [-1, 1]]));
      fill(pen, this.tone("WALL"), () => pen.roundRect(-0.84, -0.84, 1.68, 1.68, 0.08));
      if (px < TINY_PX) return;
      pen.clip();
      for (let shift = -1.5; shift <= 1.5; shift += 0.5) {
        stroke(pen, this.tone("WALL_SHADE", 0.55), 0.08, [[shift - 1, 1], [shift + 1, -1]]);
      }
    });
  }

  food(pen, x, y, px) {
    Sprites.at(pen, x, y, px, () => {
      if (px < TINY_PX) {
        fill(pen, this.tone("FOOD"), () => ellipse(pen, 0, 0, 0.8, 0.8));
        return;
      }
      fill(pen, this.tone("SHADOW", 0.25), () => ellipse(pen, 0.04, 0.72, 0.5, 0.14));
      fill(pen, this.tone("FOOD_RIM"), () => ellipse(pen, 0, 0.17, 0.6, 0.6));
      fill(pen, this.tone("FOOD"), () => ellipse(pen, 0, 0.17, 0.51, 0.51));
      fill(pen, this.tone("FOOD_SHINE", 0.9), () => ellipse(pen, -0.22, -0.05, 0.17, 0.11, -0.7));
      stroke(pen, this.leaf, 0.12, [[0, -0.3], [0.06, -0.6]]);
      fill(pen, this.leaf, () => ellipse(pen, 0.34, -0.58, 0.3, 0.14, -0.45));
    });
  }

  // Named for what it draws on the cell; a spiked star with a cross.
  poisoned(pen, x, y, px) {
    Sprites.at(pen, x, y, px, () => {
      if (px >= TINY_PX) {
        const star = Array.from({ length: 16 }, (_, corner) => {
          const radius = corner % 2 ? 0.48 : 0.9;
          return [radius * Math.sin((corner * Math.PI) / 8), -radius * Math.cos((corner * Math.PI) / 8)];
        });
        fill(pen, this.tone("SHADOW", 0.3), () => ellipse(pen, 0.04, 0.12, 0.66, 0.68));
        fill(pen, this.poison, () => polygon(pen, star));
      }
      const [reach, width, tone] = px < TINY_PX ? [0.7, 0.3, this.poison] : [0.22, 0.17, this.poisonMark];
      for (const slope of [-1, 1]) stroke(pen, tone, width, [[-reach, -reach * slope], [reach, reach * slope]]);
    });
  }

  // `heading`: up, down, left, right as 0 … 3.
  agent(pen, x, y, px, heading) {
    Sprites.at(pen, x, y, px, () => {
      if (px < TINY_PX) {
        fill(pen, this.tone("AGENT_RIM"), () => ellipse(pen, 0, 0, 1, 1));
        fill(pen, this.tone("BEAK"), () => ellipse(pen, 0, -0.6, 0.4, 0.4));
        return;
      }
      fill(pen, this.tone("SHADOW", 0.3), () => ellipse(pen, 0, 0.1, 0.78, 0.8));
      fill(pen, this.tone("BEAK"), () => polygon(pen, [[-0.36, -0.34], [0, -0.94], [0.36, -0.34]]));
      fill(pen, this.tone("AGENT_RIM"), () => ellipse(pen, 0, 0.15, 0.7, 0.72));
      fill(pen, this.tone("AGENT"), () => ellipse(pen, 0, 0.15, 0.61, 0.63));
      for (const side of [-1, 1]) {
        fill(pen, this.tone("EYE"), () => ellipse(pen, 0.31 * side, -0.2, 0.25, 0.27));
        fill(pen, this.tone("PUPIL"), () => ellipse(pen, 0.28 * side, -0.29, 0.12, 0.13));
      }
    }, [0, Math.PI, -Math.PI / 2, Math.PI / 2][heading]);
  }
}

function fill(pen, tone, path, rule = "nonzero") {
  pen.beginPath();
  path();
  pen.fillStyle = tone;
  pen.fill(rule);
}

function stroke(pen, tone, width, points, cap = "round") {
  pen.beginPath();
  points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  Object.assign(pen, { strokeStyle: tone, lineWidth: width, lineCap: cap, lineJoin: "round" });
  pen.stroke();
}

function ellipse(pen, x, y, width, height, turn = 0) {
  pen.ellipse(x, y, width, height, turn, 0, 2 * Math.PI);
}

function polygon(pen, points) {
  points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.closePath();
}
