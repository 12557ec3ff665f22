"""The page of a study of several tasks, and its tidy tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from studies.continual_page.data import read_study
from studies.continual_page.page import write_page
from studies.continual_page.tidy import write_tables


def write_results(
    folder: Path,
    study: str,
    arms: tuple[str, ...],
    seeds: tuple[int, ...],
    *,
    failed: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write results of the runs that are done, if there are any; returns what was written, all in a folder of the
    study's name.

    Args:
        folder: of the runs: in it a folder an arm, in that one a seed.
        study: its name, of :data:`studies.continual.CONTINUAL`.
        arms: that were asked for.
        seeds: likewise.
        failed: what runs failed with, by ``"ARM seed SEED"``.
    """
    data = read_study(folder, study, arms, seeds, failed or {})
    if not data.done:
        return []
    whole = folder / study
    whole.mkdir(exist_ok=True)
    return [*write_tables(data, whole), write_page(data, whole)]
