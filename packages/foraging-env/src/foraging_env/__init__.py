"""ForagingGrid: a grid world of food, walls and poison for Gymnasium, single and vectorised by one law.

Importing the package registers ``ForagingGrid-v0``.
"""

from foraging_env.config import PRESETS, ForagingConfig
from foraging_env.env import ForagingGrid
from foraging_env.oracles import greedy_actions, normalised_score, reference_scores
from foraging_env.registration import register
from foraging_env.task_presets import TASK_PRESETS
from foraging_env.tasks import Task, TaskSchedule
from foraging_env.types import Action, GridState
from foraging_env.vector_env import ForagingGridVector

__version__ = "0.1.0"

register()

__all__ = [
    "PRESETS",
    "TASK_PRESETS",
    "Action",
    "ForagingConfig",
    "ForagingGrid",
    "ForagingGridVector",
    "GridState",
    "Task",
    "TaskSchedule",
    "greedy_actions",
    "normalised_score",
    "reference_scores",
]
