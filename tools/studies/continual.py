"""The study of learning for life: its arms on each sequence of tasks, and which of them are held against which."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from continual_tasks import SEQUENCES
from presets import PRESETS
from runs import RunConfig

from snn_agent.config import METHODS, ContinualConfig, StructureConfig

SCRATCH: Final = "scratch"
"""Arms named SEQUENCE-scratch-TASK learn a task alone, from birth."""

EWC_STRENGTH: Final = 10_000.0
"""Of 10, 100, 1,000 and 10,000 the one that did best over the sequences on seed 100, which is not of the study."""
KEPT: Final = 0.99
"""Share of the utility that grow-isolate protects: all but those that hardly matter, who are free for what comes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """The arms on one sequence of tasks, and who is who.

    Attributes:
        sequence: its name.
        arms: all arms by their ids, those that learn from scratch among them.
        plain: the fixed network of the greatest capacity that does nothing about tasks; its first phase is also the
            scratch run of the first task.
        progressive: the arm of columns.
        ewc: the arm that is pulled back.
        scratch: the arm that learns a task alone, by the task; the first one's is ``plain``.
    """

    sequence: str
    arms: Mapping[str, RunConfig]
    plain: str
    progressive: str
    ewc: str
    scratch: Mapping[int, str]

    @property
    def lives(self) -> tuple[str, ...]:
        """The arms that live through the whole sequence."""
        alone = set(self.scratch.values()) - {self.plain}
        return tuple(arm for arm in self.arms if arm not in alone)

    @property
    def judged(self) -> tuple[str, ...]:
        """The arms that grow of themselves: those of which the goal is asked."""
        return tuple(arm for arm in self.lives if self.arms[arm].structure.growth != "none")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale:
    """How large a study is: the rules of growth and upkeep at its pace, and the networks' sizes.

    Attributes:
        base: the run that all arms change, but for tasks; its ``total_steps`` are those of a phase.
        most: neurons of the arms that begin large, and the most that any may have.
        few: neurons of those that begin small.
        born: neurons born at a time.
        beat: environment steps between two times at which structure is considered.
    """

    base: RunConfig
    most: int
    few: int
    born: int
    beat: int

    def rules(self) -> dict[str, StructureConfig]:
        """Structural rules by name."""
        update = self.base.training.n_worlds * self.base.training.rollout_steps
        still = StructureConfig(
            growth="none",
            birth="zero_out",
            growth_size=self.born,
            grow_interval=self.beat,
            grow_until=0.7,
            pruning="none",
            prune_interval=2 * self.beat,
            prune_share=0.02,
            recycle_interval=self.beat,
            shrink_interval=max(update, self.beat // 5),
            interval_unit="env_steps",
            maturity_updates=min(50, self.beat // update),
        )
        grow_prune = dataclasses.replace(still, growth="periodic", pruning="low_utility")
        return {
            "still": still,
            "grow-prune": grow_prune,
            "recycle": dataclasses.replace(still, recycling="low_utility"),
            # Over a phase, weights that nothing holds fall to a half and take up noise of half their first scale.
            "shrink_perturb": dataclasses.replace(still, shrink=0.97, perturb=0.1),
            "novelty": dataclasses.replace(
                still, growth="novelty", grow_interval=update, grow_cool_down=self.beat, grow_until=1.0
            ),
        }


def compare(name: str, scale: Scale, prefix: str = "", only: tuple[str, ...] = ()) -> Comparison:
    """The arms on one sequence.

    Args:
        name: of the sequence.
        scale: how large.
        prefix: of all ids, before the sequence's name.
        only: some of the arms by what follows the sequence's name; empty: all. Scratch runs are made in any case.
    """
    tasks = PRESETS[f"continual-{name}"]()
    sequence = SEQUENCES[name]
    n_tasks, rules = len(sequence.phases), scale.rules()

    def run(
        hidden: int, continual: ContinualConfig = METHODS["plain"], structure: StructureConfig = rules["still"]
    ) -> RunConfig:
        return dataclasses.replace(
            scale.base,
            total_steps=scale.base.total_steps * len(sequence.order),
            network=scale.base.network.replace(init_hidden=hidden, max_hidden=scale.most, min_hidden=scale.few // 2),
            structure=structure,
            continual=continual,
            tasks=tasks.tasks,
            sequence=sequence.order,
        )

    ewc = dataclasses.replace(METHODS["ewc"], ewc_strength=EWC_STRENGTH)
    isolate = ContinualConfig(heads="task", protect=KEPT, column_size=scale.born)
    column = scale.most // n_tasks
    fixed, less = f"fixed-{scale.most}", f"fixed-{scale.few}"
    mean = 2 * scale.few  # about what grow-isolate has on average over its life
    arms = {
        fixed: run(scale.most),
        less: run(scale.few),
        "grow-prune": run(scale.born, structure=rules["grow-prune"]),
        "novelty": run(scale.few, structure=rules["novelty"]),
        "ewc": run(scale.most, ewc),
        "progressive": run(column, dataclasses.replace(METHODS["progressive"], column_size=column)),
        "isolate": run(scale.most, METHODS["isolate"]),
        "recycle": run(scale.most, structure=rules["recycle"]),
        "shrink_perturb": run(scale.most, structure=rules["shrink_perturb"]),
        "grow-isolate": run(scale.born, isolate, rules["grow-prune"]),
        f"{fixed}-heads": run(scale.most, dataclasses.replace(METHODS["plain"], heads="task")),
        f"fixed-{mean}-isolate": run(mean, dataclasses.replace(isolate, column_size=0)),
        "ewc-heads": run(scale.most, dataclasses.replace(ewc, heads="task")),
        "grow-isolate-detected": run(
            scale.born, dataclasses.replace(isolate, boundaries="detected"), rules["grow-prune"]
        ),
        "ewc-detected": run(scale.most, dataclasses.replace(ewc, boundaries="detected")),
    }
    chosen = {f"{prefix}{name}-{arm}": config for arm, config in arms.items() if arm in (only or arms)}
    plain = f"{prefix}{name}-{fixed}"
    scratch = {0: plain} | {task: f"{prefix}{name}-{SCRATCH}-{task}" for task in range(1, n_tasks)}
    alone = {arm: _alone(chosen[plain], task) for task, arm in scratch.items() if task}
    return Comparison(
        sequence=name,
        arms=chosen | alone,
        plain=plain,
        progressive=f"{prefix}{name}-progressive",
        ewc=f"{prefix}{name}-ewc",
        scratch=scratch,
    )


def _alone(config: RunConfig, task: int) -> RunConfig:
    """A newborn that has one task for a phase, and no other."""
    return dataclasses.replace(
        config, total_steps=config.phase_steps, tasks=(config.tasks[task],), sequence=(0,), structure=config.structure
    )


def comparisons(study: str) -> dict[str, Comparison]:
    """Those of a study, by sequence; none of a study that is of another kind."""
    if study == "continual":
        base = PRESETS["continual-swap"]()
        whole = Scale(
            base=dataclasses.replace(base, total_steps=base.phase_steps, threads=1),
            most=512,
            few=64,
            born=16,
            beat=25_000,
        )
        return {name: compare(name, whole) for name in SEQUENCES}
    if study == "continual-quick":
        arms = ("fixed-64", "grow-prune", "ewc", "progressive", "grow-isolate")
        return {"swap": compare("swap", _small(), "quick-", arms)}
    return {}


def _small() -> Scale:
    """At most 64 neurons, and examinations that are short but many."""
    tasks = PRESETS["continual-swap"]()
    base = dataclasses.replace(
        tasks,
        total_steps=tasks.phase_steps,
        threads=1,
        eval_episodes=32,
        evaluations_per_phase=8,
        evaluation_episodes=16,
    )
    return Scale(base=base, most=64, few=16, born=8, beat=25_000)


def continual() -> dict[str, RunConfig]:
    """Learning for life: what growing, protecting, pulling back and renewing do when the task changes and comes back.

    Five sequences of tasks in a 7×7 world, seen from within, with 4 food and 4 poison, in phases of 100 k steps. The
    arms ``fixed``, ``grow-prune``, ``novelty``, ``recycle`` and ``shrink_perturb`` do nothing where tasks end: what
    they are told of boundaries they ignore. The others are told, but for those named ``detected``, which have to
    notice. Heads are shared but in ``progressive``, ``grow-isolate``, ``fixed-128-isolate``, which is the same with as
    many neurons from the begin as that one has on average, and those named ``heads``. ``scratch`` is ``fixed-512`` with
    one of the later tasks alone.
    """
    return {name: arm for found in comparisons("continual").values() for name, arm in found.arms.items()}


def continual_quick() -> dict[str, RunConfig]:
    """Some arms of ``continual`` on its first sequence, with at most 64 neurons: minutes, not hours."""
    return {name: arm for found in comparisons("continual-quick").values() for name, arm in found.arms.items()}


CONTINUAL: Final[Mapping[str, Callable[[], dict[str, RunConfig]]]] = MappingProxyType(
    {"continual": continual, "continual-quick": continual_quick}
)
"""Studies of several tasks by name; their page is another one."""
