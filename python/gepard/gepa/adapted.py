"""Rollouts of a program behind a `GEPAAdapter`."""

from __future__ import annotations

import contextvars
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from gepa.core.adapter import EvaluationBatch

from .. import _native
from ..search import BadScore, Job, Judgement, Rollout, Scale, Step
from ..search.job import to_text
from ..search.threads import run_all


class Adapted:
    """Runs jobs by the adapter: one call of `evaluate` for the rows of a candidate."""

    def __init__(self, adapter: Any, train: Sequence[Any], val: Sequence[Any], scale: Scale):
        self.adapter = adapter
        self.train = train
        self.val = val
        self.scale = scale
        #: What the program returned in this process, by the key of the candidate and the validation row.
        self.outputs: dict[tuple[str, int], Any] = {}

    def run(self, jobs: Sequence[Job], interrupt: _native.Interrupt) -> list[Rollout]:
        """Runs jobs. An exception of the adapter ends the run."""
        groups: dict[tuple[str, bool], list[int]] = {}
        for index, job in enumerate(jobs):
            groups.setdefault((job.candidate, job.is_training), []).append(index)

        def call() -> dict[int, Rollout]:
            found: dict[int, Rollout] = {}
            for indices in groups.values():
                found.update(zip(indices, self._evaluate([jobs[index] for index in indices])))
            return found

        # On a thread of its own, so that an interruption does not wait for it.
        found = run_all([call], 1, interrupt, None, lambda: {}, contextvars.copy_context())
        return [found[0][index] for index in range(len(jobs))]

    def _evaluate(self, jobs: Sequence[Job]) -> list[Rollout]:
        texts, is_training = dict(jobs[0].texts), jobs[0].is_training
        rows = self.train if is_training else self.val
        batch = self.adapter.evaluate([rows[job.row] for job in jobs], dict(texts), capture_traces=is_training)
        if not len(batch.scores) == len(batch.outputs) == len(jobs):
            raise ValueError(
                f"the adapter gave {len(batch.outputs)} outputs and {len(batch.scores)} scores for {len(jobs)} rows"
            )
        if not is_training:
            self.outputs.update({(job.candidate, job.row): batch.outputs[at] for at, job in enumerate(jobs)})
        return [self._rollout(texts, batch, at, is_training) for at in range(len(jobs))]

    def _rollout(self, texts: dict[str, str], batch: Any, at: int, is_training: bool) -> Rollout:
        rollout = Rollout(outputs={"output": batch.outputs[at]})
        try:
            score = self.scale.inward(float(batch.scores[at]))
            parts = batch.objective_scores[at] if batch.objective_scores else {}
            objectives = {name: self.scale.inward(float(part)) for name, part in parts.items()}
        except (BadScore, TypeError, ValueError) as error:
            rollout.broken = str(error)
            return rollout
        judged = Judgement(score, f"This trajectory got a score of {batch.scores[at]}.", objectives=objectives)
        if is_training:
            self._reflect(texts, _only(batch, at), rollout, judged)
        rollout.judgement = judged
        return rollout

    def _reflect(self, texts: dict[str, str], batch: Any, rollout: Rollout, judged: Judgement) -> None:
        """Adds the records of the adapter's reflective data set to a rollout: a step and feedback for each."""
        dataset: Mapping[str, Sequence[Mapping[str, Any]]] = self.adapter.make_reflective_dataset(
            dict(texts), batch, list(texts)
        )
        for component in texts:
            feedback = []
            for record in dataset.get(component, []):
                rollout.steps.append(Step(component, _fields(record.get("Inputs"), "input"), _outputs(record)))
                feedback.append(to_text(record.get("Feedback", "")))
            if feedback:
                judged.component_feedback[component] = " ".join(feedback)
        if len(texts) == 1 and judged.component_feedback:
            judged.feedback = judged.component_feedback.popitem()[1]


def _only(batch: Any, at: int) -> EvaluationBatch:
    """Returns the part of a batch that belongs to one row."""

    def one(values: Optional[Sequence[Any]]) -> Optional[list[Any]]:
        return None if values is None else [values[at]]

    return EvaluationBatch(
        outputs=[batch.outputs[at]],
        scores=[batch.scores[at]],
        trajectories=one(batch.trajectories),
        objective_scores=one(batch.objective_scores),
    )


def _outputs(record: Mapping[str, Any]) -> dict[str, Any]:
    return _fields(record.get("Generated Outputs"), "output")


def _fields(value: Any, name: str) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {str(key): part for key, part in value.items()}
    return {} if value is None else {name: value}
