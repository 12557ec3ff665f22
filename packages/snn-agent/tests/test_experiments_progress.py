"""How far runs are, and when they will be over, against cases by hand and laws of schedules."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from snn_agent.experiments.jobs import Job, Outcome
from snn_agent.experiments.progress import (
    PlannedRun,
    Reached,
    StudyProgress,
    makespan,
    paces,
    reached,
    seconds_left,
    words_for,
)


def plan(folder: Path, arm: str, steps: int, seconds: float, total: int = 1000) -> PlannedRun:
    """A run that has come so far."""
    run_dir = folder / arm
    run_dir.mkdir()
    if steps:
        lines = ["update,env_steps,reward,seconds", "1,1,nan,0.1", f"2,{steps},0.5,{seconds}"]
        (run_dir / "metrics.csv").write_text("\n".join(lines) + "\n")
    return PlannedRun(id=f"{arm} seed 0", arm=arm, run_dir=run_dir, total_steps=total)


def test_the_last_whole_line_counts(tmp_path: Path) -> None:
    assert reached(tmp_path) == (0, 0.0)
    file = tmp_path / "metrics.csv"
    for text, expected in [
        ("", Reached(0, 0.0)),
        ("update,env_steps,seconds\n", Reached(0, 0.0)),
        ("update,env_steps,seconds\n1,64,0.5\n", Reached(64, 0.5)),
        ("update,env_steps,seconds\n1,64,0.5\n2,128,1.2\n", Reached(128, 1.2)),
        ("update,env_steps,seconds\n1,64,0.5\n2,12", Reached(64, 0.5)),  # in the midst of writing
        ("seconds,x,env_steps\n" + "".join(f"{k / 2},{'y' * 50},{k}\n" for k in range(1000)), Reached(999, 499.5)),
    ]:
        file.write_text(text)
        assert reached(tmp_path) == expected


def test_time_left_by_hand(tmp_path: Path) -> None:
    """Fast: 0.01 s a step and 500 to go, 5 s. Slow: 0.03 s and 900 to go, 27 s. New: 0.02 s, their mean, 1000: 20 s."""
    fast, slow = plan(tmp_path, "fast", 500, 5.0), plan(tmp_path, "slow", 100, 3.0)
    new = plan(tmp_path, "new", 0, 0.0)
    pace = paces([fast, slow, new])
    assert pace == pytest.approx({"fast": 0.01, "slow": 0.03})
    assert seconds_left([fast, slow, new], pace, 1) == pytest.approx(52.0)
    assert seconds_left([fast, slow, new], pace, 2) == pytest.approx(27.0)  # new begins when fast is over, ends at 25
    assert seconds_left([fast, slow, new], pace, 3) == pytest.approx(27.0)
    assert seconds_left([new], {}, 2) is None
    assert seconds_left([], {}, 2) == 0.0
    beyond = plan(tmp_path, "beyond", 1100, 9.0)  # a run ends with the update in which it reaches its goal
    assert seconds_left([beyond], paces([beyond]), 1) == 0.0


@given(st.lists(st.floats(0.0, 100.0), max_size=20), st.integers(1, 5))
def test_laws_of_schedules(seconds: list[float], slots: int) -> None:
    """No place is idle while something waits: Graham's bounds, and one place adds up."""
    whole, longest = sum(seconds), max(seconds, default=0.0)
    found = makespan(seconds, slots)
    assert max(whole / slots, longest) <= found * (1 + 1e-12)
    assert found <= (whole / slots + (1 - 1 / slots) * longest) * (1 + 1e-12)
    assert makespan(seconds, 1) == pytest.approx(whole)
    assert makespan(seconds, max(1, len(seconds))) == longest


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "unknown"), (0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (90.0, "2 min"), (3570.0, "1 h 0 min"),
        (12000.0, "3 h 20 min"), (86100.0, "23 h 55 min"), (86370.0, "1 d 0 h"), (187200.0, "2 d 4 h"),
    ],
)  # fmt: skip
def test_words(seconds: float | None, words: str) -> None:
    assert words_for(seconds) == words


def shown(folder: Path, *, terminal: bool) -> str:
    """What is said of four runs: one done before, one that crashes and goes on, one that fails, one that is stopped."""
    runs = [plan(folder, arm, steps, 5.0) for arm, steps in (("a", 1000), ("b", 500), ("c", 0), ("d", 250))]
    jobs = [Job(id=run.id, function=print) for run in runs]
    text = io.StringIO()
    console = Console(file=text, width=160, force_terminal=terminal)
    with StudyProgress(runs, {"a seed 0"}, 1, console, lambda value: f"food {value}") as progress:
        progress.on_start(jobs[1], 1)
        progress.on_crash(jobs[1], 1, "Traceback\n  ...\nValueError: odd\n")
        progress.on_start(jobs[1], 2)
        progress.on_start(jobs[2], 1)
        progress._last -= 1000.0  # so that the next look is due
        progress.on_look()
        progress.on_end(Outcome(job=jobs[1], kind="done", attempts=2, value=12.5))
        progress.on_end(Outcome(job=jobs[2], kind="failed", attempts=3, error="x\nits process was killed by SIGKILL"))
        progress.on_start(jobs[3], 1)
        progress.on_stop()
        progress.on_end(Outcome(job=jobs[3], kind="interrupted", attempts=1))
    return text.getvalue()


def test_what_is_said_line_by_line(tmp_path: Path) -> None:
    """Paces 0.005, 0.01 and 0.02 s a step, 0.0117 on average: 500 of b, 1000 of c and 750 of d are 31.7 s."""
    assert shown(tmp_path, terminal=False).splitlines() == [
        "b seed 0: goes on at 50%",
        "b seed 0: attempt 1 failed and is repeated from what it saved: ValueError: odd",
        "b seed 0: goes on at 50%",
        "c seed 0: begins",
        "1 of 4 runs done, 0 failed, 2 running; time left: 32 s (b seed 0 50%, c seed 0 0%)",
        "b seed 0: food 12.5. 2 of 4 runs done, 0 failed, 1 running; time left: 27 s",
        "c seed 0: failed 3 times: its process was killed by SIGKILL",
        "d seed 0: goes on at 25%",
        "stopping: what runs saves itself; once more to stop at once",
        "d seed 0: stopped at 25%",
    ]


def test_a_terminal_shows_bars_and_says_what_matters(tmp_path: Path) -> None:
    text = shown(tmp_path, terminal=True)
    assert "attempt 1 failed and is repeated from what it saved: ValueError: odd" in text
    assert "━" in text
    assert "44 %" in text  # 1000 + 500 + 0 + 250 of 4000 steps
    assert "c seed 0: failed 3 times" in text
