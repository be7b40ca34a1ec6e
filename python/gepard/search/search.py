"""A search for better texts."""

from __future__ import annotations

import contextvars
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional, Union

from .. import _native
from ..events import Event, OnEvent, reader
from ..summary import Summary
from .job import Component, Demonstration, Job, Rollout, module_names, rollout_json
from .pool import Candidate, Pool
from .reflector import Reflector
from .task import is_training, row_of, write_task

#: The operators that change an instruction alone.
OPERATORS = ["format", "describe", "rule", "rewrite", "drop", "shorten"]

#: The operator whose worked examples a program takes if it can.
EXAMPLES = "examples"

#: Operators that have no effect here, because the program renders its own prompts.
UNUSABLE = ("nearest", "reason", "layout")

#: Runs the jobs of a sub-wave and returns their rollouts, in order.
RunJobs = Callable[[Sequence[Job], _native.Interrupt], "list[Rollout]"]


@dataclass
class Options:
    """The settings of a search. None leaves a setting to gepard."""

    #: Rollouts, a time such as "30m", or light, medium, heavy.
    budget: Union[int, str]
    seed: int = 0
    minibatch: int = 3
    candidate_selection: str = "pareto"
    module_selection: str = "round-robin"
    merge: bool = True
    max_merges: Optional[int] = 5
    #: Whether the program takes worked examples.
    demonstrations: bool = False
    #: More keys of `[optimize]` in a task file, which replace the others.
    settings: dict[str, Any] = field(default_factory=dict)

    def keys(self, reflector: Reflector) -> dict[str, Any]:
        """Returns the keys of `[optimize]`. Raises `ValueError` for an operator that has no effect."""
        keys = {
            "budget": str(self.budget),
            "seed": self.seed,
            "minibatch": self.minibatch,
            "candidate_selection": self.candidate_selection,
            "module_selection": self.module_selection,
            "merge": self.merge,
            "operators": self._operators(reflector),
        }
        if self.max_merges is not None:
            keys["max_merges"] = self.max_merges
        keys.update(self.settings)
        without_effect = (*UNUSABLE, *([] if self.demonstrations else [EXAMPLES]))
        for operator in keys["operators"]:
            if operator in without_effect:
                raise ValueError(f"settings: the operator {operator!r} has no effect on this program; leave it out")
        return keys

    def _operators(self, reflector: Reflector) -> list[str]:
        operators = [*OPERATORS]
        if self.demonstrations:
            operators.insert(1, EXAMPLES)
        return operators + (["edit"] if reflector.follows_grammars else [])


@dataclass
class Found:
    """The result of a search."""

    summary: Summary
    pool: Pool

    @property
    def best(self) -> Candidate:
        """The best candidate."""
        return self.pool.candidates[self.summary.best_candidate]


def search(
    components: Sequence[Component],
    train: Sequence[Mapping[str, Any]],
    val: Sequence[Mapping[str, Any]],
    run_jobs: RunJobs,
    reflector: Reflector,
    options: Options,
    run: Union[str, "os.PathLike[str]"],
    on_event: Optional[OnEvent] = None,
) -> Found:
    """Searches for better texts of the components, in the run directory `run`. A run that is there already goes on.

    `train` and `val` are the fields of the rows, for reflection; `run_jobs` runs the program on rows by their positions.
    """
    folder = Path(run)
    names = module_names(components)
    task = write_task(folder, components, names, train, val, options.keys(reflector))
    interrupt, pool = _native.Interrupt(), Pool(names)
    reflector.interrupt = interrupt

    def run_program(jobs: str) -> str:
        asked = [_job(components, job) for job in json.loads(jobs)]
        rollouts = run_jobs(asked, interrupt)
        return json.dumps([rollout_json(rollout, names) for rollout in rollouts])

    def hear(event: Event) -> None:
        pool.hear(event)
        if on_event is not None:
            on_event(event)

    # The search runs on another thread, which must see what this thread has set, such as the settings of DSPy.
    context = contextvars.copy_context()
    finished = json.loads(
        _native.optimize_own(
            os.fspath(task), os.fspath(folder), _within(context, run_program), reflector, interrupt, reader(hear)
        )
    )
    pool.add_demonstrations([_demonstrations(components, texts) for texts in finished["texts"]])
    return Found(Summary(folder, finished["summary"]), pool)


def _within(context: contextvars.Context, call: Callable[[str], str]) -> Callable[[str], str]:
    return lambda argument: context.run(call, argument)


def _job(components: Sequence[Component], asked: Mapping[str, Any]) -> Job:
    texts = {component.name: text["instruction"] for component, text in zip(components, asked["texts"])}
    demonstrations = _demonstrations(components, asked["texts"])
    return Job(asked["candidate"], texts, demonstrations, row_of(asked["id"]), is_training(asked["id"]))


def _demonstrations(
    components: Sequence[Component], texts: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[Demonstration, ...]]:
    """Returns the worked examples of those components that have some."""

    def one(shown: Mapping[str, Any]) -> Demonstration:
        return Demonstration(row_of(shown["id"]), dict(shown["inputs"]), shown["outputs"])

    return {
        component.name: tuple(one(shown) for shown in text["demonstrations"])
        for component, text in zip(components, texts)
        if text["demonstrations"]
    }
