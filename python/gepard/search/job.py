"""What is run: the components of a program, the jobs of a sub-wave, and the rollouts that come of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from .judgement import Judgement

#: The names of the steps that are no calls of a component. No component can have them.
PROGRAM_STEP = "(program)"
METRIC_STEP = "(metric)"

NO_USAGE = {"prefilled": 0, "unique": 0, "reused": 0, "decoded": 0}


@dataclass(frozen=True)
class Component:
    """A part of a program whose text is searched for: a predictor of DSPy, or an entry of a candidate of `gepa`."""

    #: The name in the program.
    name: str
    #: The text that the search begins with.
    text: str
    inputs: Sequence[str]
    outputs: Sequence[str]


@dataclass(frozen=True)
class Demonstration:
    """A worked example for a component: what it reads, and a right answer. Values are texts."""

    #: The position of the training row that it is taken from.
    row: int
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class Job:
    """A rollout to be run."""

    #: The key of the candidate, which stands for its texts and demonstrations.
    candidate: str
    #: The text of each component, by its name in the program.
    texts: Mapping[str, str]
    #: The worked examples of each component. Empty if the search has none.
    demonstrations: Mapping[str, Sequence[Demonstration]]
    #: The position of the row in its list.
    row: int
    #: Whether the row is a training row, whose feedback a reflector reads.
    is_training: bool


@dataclass
class Step:
    """One call of a component."""

    component: str
    inputs: Mapping[str, Any]
    #: The outputs, by name; those that are missing are left out.
    outputs: Mapping[str, Any]
    #: The answer as the reflector reads it; None: the outputs, one in a line.
    answer: Optional[str] = None
    #: What is wrong with the form of the answer.
    problem: Optional[str] = None


@dataclass
class Rollout:
    """One run of a program on a row."""

    steps: list[Step] = field(default_factory=list)
    #: What the program returned. None if it is not known.
    outputs: Optional[Mapping[str, Any]] = None
    #: Why the program could not be finished. The score is 0 then.
    failure: Optional[str] = None
    #: Why the rollout could not be judged. It has no score then.
    broken: Optional[str] = None
    judgement: Optional[Judgement] = None


def to_text(value: Any) -> str:
    """Returns a value as a prompt shows it: text unchanged, anything else as JSON if that is possible."""
    if isinstance(value, str):
        return value
    dump = getattr(value, "model_dump_json", None)
    if callable(dump):
        return dump()
    return json.dumps(value, ensure_ascii=False, default=str)


def module_names(components: Sequence[Component]) -> dict[str, str]:
    """Returns the name of each component in a task file, where names have letters, digits, `_` and `-` only."""
    names: dict[str, str] = {}
    for component in components:
        base = re.sub(r"[^\w-]+", "_", component.name).strip("_") or "module"
        name, number = base, 2
        while name in names.values():
            name, number = f"{base}_{number}", number + 1
        names[component.name] = name
    return names


def rollout_json(rollout: Rollout, names: Mapping[str, str]) -> dict[str, Any]:
    """Returns a rollout in the form of the journal. `names` are the names of the components in the task file."""
    steps = [_step(names[step.component], step) for step in rollout.steps]
    if rollout.outputs is not None:
        steps.append({"module": PROGRAM_STEP, **_values({}, rollout.outputs)})
    if rollout.broken is not None:
        steps.append({"module": METRIC_STEP, "broken": rollout.broken, **_values({}, {})})
    if rollout.judgement is not None:
        text = json.dumps(rollout.judgement.json(names))
        steps.append({"module": METRIC_STEP, **_values({}, {"judgement": text})})
    return {"steps": steps, "failure": rollout.failure}


def _step(module: str, step: Step) -> dict[str, Any]:
    lines = (f"{name}: {to_text(value)}" for name, value in step.outputs.items())
    answer = step.answer if step.answer is not None else "\n".join(lines)
    return {"module": module, **_values(step.inputs, step.outputs), "answer": answer, "problem": step.problem}


def _values(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "inputs": [[name, to_text(value)] for name, value in inputs.items()],
        "answer": "",
        "ended": "stop",
        "outputs": {name: to_text(value) for name, value in outputs.items()},
        "usage": NO_USAGE,
    }
