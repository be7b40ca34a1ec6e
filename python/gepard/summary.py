"""The results of runs, evaluations and predictions."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

REPORT_HEIGHT = 720


class Summary:
    """The figures of a finished run, and the way to its files. A notebook shows its report.

    `figures` has everything that `summary.json` has. Scores are means in [0, 1].
    """

    def __init__(self, run: Path, figures: dict[str, Any]):
        self.run = run
        self.figures = figures

    @property
    def seed_score(self) -> float:
        """The seed's score on the validation examples."""
        return self.figures["seed_score"]

    @property
    def best_score(self) -> float:
        """The best candidate's score on the validation examples."""
        return self.figures["best_score"]

    @property
    def best_candidate(self) -> int:
        """The index of the best candidate in the pool; 0 is the seed."""
        return self.figures["best_candidate"]

    @property
    def test_seed_score(self) -> Optional[float]:
        """The seed's score on the test examples; None without test examples."""
        return self.figures["test_seed_score"]

    @property
    def test_best_score(self) -> Optional[float]:
        """The best candidate's score on the test examples; None without test examples."""
        return self.figures["test_best_score"]

    @property
    def outcome(self) -> str:
        """What the run found, or why it found nothing, in one sentence."""
        return self.figures["outcome"]

    @property
    def notes(self) -> list[str]:
        """What else is to be known about the run, a sentence each."""
        return self.figures["notes"]

    @property
    def rollouts(self) -> int:
        """The rollouts that were charged to the budget."""
        return self.figures["rollouts"]

    @property
    def stopped_because(self) -> str:
        """Why the search ended, such as `budget_spent`."""
        return self.figures["stopped_because"]

    @property
    def instructions(self) -> dict[str, str]:
        """The instructions of the best candidate, by module."""
        best = json.loads((self.run / "best.json").read_text(encoding="utf-8"))
        return {module["name"]: module["instruction"] for module in best["modules"]}

    @property
    def report(self) -> Path:
        """The path of the report, a page that can be read offline."""
        return self.run / "report.html"

    def __repr__(self) -> str:
        return f"Summary({self.outcome!r}, seed {self.seed_score:.3f}, best {self.best_score:.3f}, run {str(self.run)!r})"

    def _repr_html_(self) -> str:
        try:
            page = self.report.read_text(encoding="utf-8")
        except OSError:
            return f"<pre>{html.escape(repr(self))}</pre>"
        return f'<iframe srcdoc="{html.escape(page)}" style="width: 100%; height: {REPORT_HEIGHT}px; border: 0"></iframe>'


@dataclass(frozen=True)
class Row:
    """One scored example of an evaluation."""

    id: str
    #: The score, in [0, 1]; None if the metric failed.
    score: Optional[float]
    feedback: str
    #: The outputs of all modules and steps, by name.
    outputs: dict[str, str]


@dataclass(frozen=True)
class Evaluation:
    """The scores of a candidate."""

    #: The mean score; None if the metric failed on all examples.
    score: Optional[float]
    #: The means of the metric's objectives.
    objectives: dict[str, float]
    #: The seconds that the rollouts took.
    seconds: float
    rows: list[Row]


@dataclass(frozen=True)
class Predictions:
    """The answers to the rows of a file."""

    #: The file with the rows, the program's outputs and the errors.
    output: Path
    #: The number of rows.
    rows: int
    #: The number of rows that an earlier call had answered, which was stopped.
    known: int
    #: The number of rows that have an error.
    failed: int
    #: The name of the column with the errors.
    error_column: str
    #: The seconds that the rows took, those of earlier calls included.
    seconds: float
    #: The tokens of all rows: `prefilled`, `unique`, `reused` and `decoded`.
    tokens: dict[str, int]
