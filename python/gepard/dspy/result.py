"""`detailed_results`: the pool of a search in the form of DSPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import dspy
from dspy.teleprompt.gepa.gepa import DspyGEPAResult

from ..search import Candidate, Found, Scale
from ..summary import Summary
from .outputs import recorded
from .program import with_texts
from .scoring import Scoring


@dataclass(frozen=True)
class GEPAResult(DspyGEPAResult):
    """The result of `dspy.GEPA`, with the figures of the run. A notebook shows its report.

    Candidates that were validated in part have the mean over that part; they are never the best.
    """

    #: The index of the best candidate.
    best_candidate_index: int = 0
    summary: Optional[Summary] = None

    @property
    def best_idx(self) -> int:
        """The index of the best of the candidates that were validated in full."""
        return self.best_candidate_index

    def _repr_html_(self) -> str:
        return self.summary._repr_html_() if self.summary is not None else ""


def detailed_results(found: Found, scoring: Scoring, seed: int, with_outputs: bool) -> GEPAResult:
    """Returns the candidates of a search with their scores, in the range of the metric."""
    candidates, scale = found.pool.candidates, scoring.scale
    subscores = [_by_row(candidate, scale) for candidate in candidates]
    objectives = [{name: scale.outward(value) for name, value in one.objectives.items()} for one in candidates]
    fronts = _objective_fronts(objectives) if any(objectives) else None
    return GEPAResult(
        candidates=[with_texts(scoring.student, candidate.texts, candidate.demonstrations) for candidate in candidates],
        parents=[list(candidate.parents) or [None] for candidate in candidates],
        val_aggregate_scores=[scale.outward(candidate.mean) for candidate in candidates],
        val_subscores=subscores,
        per_val_instance_best_candidates=_fronts(subscores),
        discovery_eval_counts=[candidate.rollouts for candidate in candidates],
        best_outputs_valset=_best_outputs(found, scoring, subscores) if with_outputs else None,
        total_metric_calls=found.summary.rollouts,
        num_full_val_evals=sum(candidate.is_complete for candidate in candidates),
        log_dir=str(found.summary.run),
        seed=seed,
        val_aggregate_subscores=objectives if fronts else None,
        per_objective_best_candidates=fronts,
        objective_pareto_front={name: max(one[name] for one in objectives if name in one) for name in fronts} if fronts else None,
        best_candidate_index=found.summary.best_candidate,
        summary=found.summary,
    )


def _by_row(candidate: Candidate, scale: Scale) -> dict[Any, float]:
    """Returns the scores of a candidate by validation row. Rows without a score are left out."""
    return {row: scale.outward(score) for row, score in enumerate(candidate.scores) if score is not None}


def _fronts(subscores: Sequence[dict[Any, float]]) -> dict[Any, set[int]]:
    rows = sorted({row for scores in subscores for row in scores})
    best = {row: max(scores[row] for scores in subscores if row in scores) for row in rows}
    return {row: {index for index, scores in enumerate(subscores) if scores.get(row) == best[row]} for row in rows}


def _objective_fronts(objectives: Sequence[dict[str, float]]) -> dict[str, set[int]]:
    names = sorted({name for one in objectives for name in one})
    best = {name: max(one[name] for one in objectives if name in one) for name in names}
    return {name: {index for index, one in enumerate(objectives) if one.get(name) == best[name]} for name in names}


def _best_outputs(
    found: Found, scoring: Scoring, subscores: Sequence[dict[Any, float]]
) -> dict[Any, list[tuple[int, dspy.Prediction]]]:
    """Returns what the best candidates of each validation row returned on it.

    What an earlier process ran is read from the journal, where values that were no text are JSON.
    """
    journal = recorded(found.summary.run)
    outputs: dict[Any, list[tuple[int, dspy.Prediction]]] = {}
    for row, best in _fronts(subscores).items():
        for index in sorted(best):
            candidate = found.pool.candidates[index]
            prediction = scoring.predictions.get((candidate.key, row))
            if prediction is None:
                prediction = dspy.Prediction(**journal.get((candidate.key, row), {}))
            outputs.setdefault(row, []).append((index, prediction))
    return outputs
