"""A window onto a training that is under way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from snn_agent.training.callbacks import Callback, Run

PLAY: Final = Path(__file__).parents[1] / "play.py"


class Watching(Callback):
    """Opens ``tools/play.py --follow`` on the run when it starts, in a process of its own, and lets it be.

    The window takes the processor time that training leaves it, where the system knows such processes (Linux). It stays
    when training is over, until its user closes it; Ctrl-C in the terminal ends both.
    """

    process: subprocess.Popen[bytes]

    def __init__(self) -> None:
        """Make sure that a window can be opened.

        Raises:
            BackendUnavailable: there is no display, or no pygame.
        """
        from playback.window import Window

        Window(1, 1, "").close()

    def on_start(self, run: Run) -> None:
        """Open the window."""
        assert run.run_dir is not None
        nowhere = subprocess.DEVNULL  # a pipe that reads what training says ends with training, not with the window
        command = [sys.executable, str(PLAY), str(run.run_dir), "--follow"]
        self.process = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
        if hasattr(os, "SCHED_IDLE"):
            # It never takes a processor from a thread of training, for which the others would have to wait.
            os.sched_setscheduler(self.process.pid, os.SCHED_IDLE, os.sched_param(0))
