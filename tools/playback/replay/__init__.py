"""An organism's life as one page: a recorded episode, how it grew until then, and the controls to watch it."""

from playback.replay.page import write_replay

__all__ = ["write_replay"]
