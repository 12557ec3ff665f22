"""The colours of a world, uint8 RGB.

Quiet ground, few accents: the floor is warm and light, so that anything that matters is darker than it. The three
accents keep apart under the common forms of colour blindness because no two of them differ along red-green alone:
blue (agent), orange (food) and plum (poison) also differ along blue-yellow, and in lightness. Colour is still only
the second cue. The first is shape (see :mod:`foraging_env.render.sprites`), which survives greyscale print as well.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Colour: TypeAlias = tuple[int, int, int]

PAGE: Final[Colour] = (238, 233, 223)  # around the board
FRAME: Final[Colour] = (190, 180, 162)  # the board's rounded rim: the edge of the world must be easy to find
FLOOR: Final[tuple[Colour, Colour]] = ((250, 247, 240), (244, 240, 230))  # checker, to count cells without grid lines

# Where food grows: a hint on the floor, weaker than anything that stands on it.
PATCH: Final[Colour] = (205, 221, 178)
PATCH_EDGE: Final[Colour] = (150, 176, 116)

WALL: Final[Colour] = (112, 120, 131)
WALL_LIGHT: Final[Colour] = (152, 160, 170)
WALL_SHADE: Final[Colour] = (78, 85, 96)

FOOD: Final[Colour] = (232, 146, 44)
FOOD_RIM: Final[Colour] = (192, 104, 22)
FOOD_SHINE: Final[Colour] = (255, 232, 194)
LEAF: Final[Colour] = (74, 128, 78)

POISON: Final[Colour] = (118, 40, 104)
POISON_MARK: Final[Colour] = (250, 226, 245)

AGENT: Final[Colour] = (44, 112, 184)
AGENT_RIM: Final[Colour] = (26, 72, 128)
BEAK: Final[Colour] = (246, 190, 74)
EYE: Final[Colour] = (255, 255, 255)
PUPIL: Final[Colour] = (18, 32, 54)

SHADOW: Final[Colour] = (92, 78, 56)  # warm, like the floor it falls on
NIGHT: Final[Colour] = (44, 50, 62)  # what the agent cannot see fades into this

INK: Final[Colour] = (52, 56, 64)
INK_FAINT: Final[Colour] = (134, 126, 112)
