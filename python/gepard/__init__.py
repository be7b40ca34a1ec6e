"""gepard: GEPA on the device. Better prompts for small local models, in process and offline.

`optimize` and `evaluate` run a task file, and `predict` answers new rows. `LM` is a model for DSPy; `gepard.dspy.GEPA` optimizes programs of DSPy, and
`gepard.gepa.optimize` any program with an adapter of the package `gepa`. These three need their packages installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ConfigError, DataError, Error, Interrupted, MetricError, ModelError, RunDirectoryError
from .events import Event
from .launcher import name_launcher as _name_launcher
from .run import evaluate, optimize, predict
from .summary import Evaluation, Predictions, Row, Summary

if TYPE_CHECKING:
    from .lm import LM as LM

_name_launcher()

__all__ = [
    "LM",
    "ConfigError",
    "DataError",
    "Error",
    "Evaluation",
    "Event",
    "Interrupted",
    "MetricError",
    "ModelError",
    "Predictions",
    "Row",
    "RunDirectoryError",
    "Summary",
    "evaluate",
    "optimize",
    "predict",
]


def __getattr__(name: str) -> Any:
    # DSPy takes seconds to import, so only those who ask for the model wait for it.
    if name == "LM":
        from .lm import LM

        return LM
    raise AttributeError(f"module 'gepard' has no attribute {name!r}")
