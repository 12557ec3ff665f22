"""The colours of the live view, in the tones of the world beside it.

What matters is told twice: a spike is the brightest thing of its panel and a shape of its own, births and deaths are
triangles that point up and down, the chosen action has an arrowhead.
"""

from __future__ import annotations

from typing import Final

from foraging_env.render import palette
from foraging_env.render.palette import Colour

DISH: Final[Colour] = palette.NIGHT  # the ground that neurons lie on
DISH_DEEP: Final[Colour] = (36, 41, 51)  # every other decision of a raster, to tell them apart
UNBORN: Final[Colour] = (66, 72, 84)  # a raster where the neuron of that row did not live yet

LOW: Final[Colour] = (33, 37, 46)  # potential at minus the threshold or below, darker than the dish
REST: Final[Colour] = (72, 84, 104)  # at rest, 0
HIGH: Final[Colour] = (206, 226, 246)  # at the threshold

SPIKE: Final[Colour] = palette.FOOD
SPIKE_CORE: Final[Colour] = (255, 244, 222)
NEWBORN: Final[Colour] = palette.PATCH

TASKS: Final[tuple[Colour, ...]] = (
    (27, 215, 250),
    (254, 133, 126),
    (161, 139, 168),
    (185, 254, 131),
    (21, 146, 239),
    (243, 217, 66),
)
"""Of the tasks of a life, by number, on the dish; after the last one the first comes back. They keep apart under the
common forms of colour blindness."""

BIRTH: Final[Colour] = palette.LEAF
DEATH: Final[Colour] = palette.POISON
CURVE: Final[Colour] = palette.AGENT
CHOSEN: Final[Colour] = palette.AGENT
CARD: Final[Colour] = palette.FLOOR[0]
TRACK: Final[Colour] = (222, 215, 201)  # an empty bar on the page
SCORE: Final[Colour] = palette.FOOD_RIM

PAGE: Final[Colour] = palette.PAGE
RIM: Final[Colour] = palette.FRAME
INK: Final[Colour] = palette.INK
FAINT: Final[Colour] = (112, 105, 92)  # small letters; dark enough to be read on the page
