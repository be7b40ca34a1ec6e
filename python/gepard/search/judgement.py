"""What a metric returned, as a judgement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional


class BadScore(Exception):
    """The metric returned something that is no score. It says nothing about the program."""


@dataclass(frozen=True)
class Scale:
    """The range of a metric, which the search takes to [0, 1]."""

    lowest: float = 0.0
    highest: float = 1.0

    def __post_init__(self) -> None:
        if not self.lowest < self.highest:
            raise ValueError(f"perfect_score is {self.highest}, which must be greater than failure_score, {self.lowest}")

    def inward(self, score: float) -> float:
        """Returns a score of the metric in [0, 1]. Raises `BadScore` for one outside of the range."""
        if not math.isfinite(score):
            raise BadScore(f"the metric returned the score {score}, which is not a number to compare")
        share = (score - self.lowest) / (self.highest - self.lowest)
        if not -1e-6 <= share <= 1 + 1e-6:
            raise BadScore(
                f"the metric returned the score {score}, outside of {self.lowest} to {self.highest}; give failure_score and "
                "perfect_score as the ends of its range"
            )
        return min(max(share, 0.0), 1.0)

    def outward(self, share: float) -> float:
        """Returns a score in [0, 1] in the range of the metric."""
        return self.lowest + share * (self.highest - self.lowest)


@dataclass
class Judgement:
    """A score in [0, 1], and feedback."""

    score: float
    feedback: str
    #: More feedback about single components, by name.
    component_feedback: dict[str, str] = field(default_factory=dict)
    #: Named parts of the score, each in [0, 1].
    objectives: dict[str, float] = field(default_factory=dict)

    def json(self, names: Mapping[str, str]) -> dict[str, Any]:
        """Returns the judgement in the form of the journal. `names` are those of the components in the task file."""
        feedback = {names[name]: text for name, text in self.component_feedback.items()}
        return {
            "score": self.score,
            "feedback": self.feedback,
            "module_feedback": feedback,
            "objectives": self.objectives,
        }


def judgement(returned: Any, scale: Scale) -> Judgement:
    """Reads what a metric returned: a number, a bool, or something with a score, and perhaps feedback.

    Raises `BadScore` for anything else.
    """
    score, feedback, objectives = _parts(returned)
    if score is None:
        raise BadScore(f"the metric returned {_named(returned)}, not a score")
    try:
        number = float(score)
    except (TypeError, ValueError):
        raise BadScore(f"the metric returned {_named(score)} as the score, not a number") from None
    inward = scale.inward(number)
    words = str(feedback) if feedback is not None else f"This trajectory got a score of {score}."
    return Judgement(inward, words, objectives={str(name): scale.inward(float(part)) for name, part in objectives.items()})


def _parts(returned: Any) -> tuple[Any, Optional[Any], Mapping[str, Any]]:
    """Returns score, feedback and objectives, None where there is none."""
    if isinstance(returned, Mapping):
        return returned.get("score"), returned.get("feedback"), returned.get("objective_scores") or {}
    if hasattr(returned, "score"):
        return returned.score, getattr(returned, "feedback", None), getattr(returned, "objective_scores", None) or {}
    if isinstance(returned, str):
        raise BadScore(f"the metric returned the text {returned[:60]!r}, not a score")
    return returned, None, {}


def _named(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
