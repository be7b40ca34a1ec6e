"""Rollouts of a program of DSPy, scored by a metric of DSPy."""

from __future__ import annotations

import contextvars
import inspect
import logging
from collections.abc import Sequence
from typing import Any, Callable, Optional

import dspy

from .. import _native
from ..search import BadScore, Demonstration, Job, Judgement, Rollout, Scale, judgement
from ..search.job import to_text
from ..search.threads import run_all
from .program import Run, with_texts

logger = logging.getLogger(__name__)

MISMATCH = (
    "the metric returned another score for a predictor than for the program; the score of the program counts, and only the "
    "feedback of the other is used"
)


class Scoring:
    """Runs jobs: a program on examples, and the metric on what it returned."""

    def __init__(
        self,
        student: dspy.Module,
        metric: Callable[..., Any],
        train: Sequence[dspy.Example],
        val: Sequence[dspy.Example],
        *,
        scale: Scale,
        threads: int,
        timeout: Optional[float],
        tells_format: bool,
        warns: bool,
    ):
        check_metric(metric)
        self.student = student
        self.metric = metric
        self.train = train
        self.val = val
        self.scale = scale
        self.threads = threads
        self.timeout = timeout
        self.tells_format = tells_format
        self.warns = warns
        #: What the program returned in this process, by the key of the candidate and the validation row.
        self.predictions: dict[tuple[str, int], dspy.Prediction] = {}
        self._train_inputs = [_inputs(example) for example in train]

    def run(self, jobs: Sequence[Job], interrupt: _native.Interrupt) -> list[Rollout]:
        """Runs jobs on threads, with the settings of DSPy of the thread that began the search."""
        programs: dict[Any, dspy.Module] = {}

        def call(job: Job) -> Callable[[], Rollout]:
            shown = self._shown(job)
            key = job.candidate, *((name, *(one.row for one in demos)) for name, demos in shown.items())
            if key not in programs:
                programs[key] = with_texts(self.student, job.texts, shown)
            return lambda: self._score(programs[key], job)

        def late() -> Rollout:
            return Rollout(failure=f"The program did not return within {self.timeout:g} seconds.")

        calls = [call(job) for job in jobs]
        return run_all(calls, self.threads, interrupt, self.timeout, late, contextvars.copy_context())

    def _score(self, program: dspy.Module, job: Job) -> Rollout:
        example = self._example(job)
        run = Run(program, example, self.tells_format)
        if run.prediction is None:
            return run.rollout
        try:
            judged = judgement(self.metric(example, run.prediction, None, None, None), self.scale)
            if job.is_training:
                self._add_feedback(run, job, judged)
        except BadScore as error:
            run.rollout.broken = str(error)
            return run.rollout
        except Exception as error:
            run.rollout.broken = f"the metric raised {type(error).__name__}: {error}"
            return run.rollout
        run.rollout.judgement = judged
        if not job.is_training:
            self.predictions[job.candidate, job.row] = run.prediction
        return run.rollout

    def _example(self, job: Job) -> dspy.Example:
        return (self.train if job.is_training else self.val)[job.row]

    def _shown(self, job: Job) -> dict[str, list[Demonstration]]:
        """Returns the worked examples of a job, without those that give its answer away: those of a row with the same inputs."""
        if not job.demonstrations:
            return {}
        own = _inputs(self._example(job))
        return {
            name: [one for one in shown if self._train_inputs[one.row] != own] for name, shown in job.demonstrations.items()
        }

    def _add_feedback(self, run: Run, job: Job, judged: Judgement) -> None:
        """Adds the metric's feedback on the predictors. The feedback on the only one replaces that on the program."""
        own = {name: self._feedback(run, name, judged.score) for name in job.texts}
        told = {name: words for name, words in own.items() if words is not None and words != judged.feedback}
        if len(job.texts) == 1 and told:
            judged.feedback = next(iter(told.values()))
        else:
            judged.component_feedback = told

    def _feedback(self, run: Run, name: str, score: float) -> Optional[str]:
        """Returns the metric's feedback on a predictor, as `dspy.GEPA` asks for it. None if the predictor did not run."""
        calls = run.calls_of(name)
        if not calls:
            return None
        own = judgement(self.metric(run.example, run.prediction, run.trace, name, [calls[-1]]), self.scale)
        if self.warns and own.score != score:
            self.warns = False
            logger.warning(MISMATCH)
        return own.feedback


def _inputs(example: dspy.Example) -> str:
    return to_text(dict(example.inputs().items()))


def check_metric(metric: Callable[..., Any]) -> None:
    """Raises `TypeError` if a metric cannot be called as `dspy.GEPA` calls it."""
    try:
        inspect.signature(metric).bind(None, None, None, None, None)
    except TypeError as error:
        raise TypeError("the metric must accept five arguments: (gold, pred, trace, pred_name, pred_trace)") from error
