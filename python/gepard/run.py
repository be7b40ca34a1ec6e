"""Runs of a task file: `optimize` and `evaluate`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

from . import _native
from .events import OnEvent, reader
from .summary import Evaluation, Row, Summary

PathLike = Union[str, "os.PathLike[str]"]


def optimize(
    task: PathLike,
    *,
    run: Optional[PathLike] = None,
    budget: Union[int, str, None] = None,
    optimizer: Optional[str] = None,
    seed: Optional[int] = None,
    settings: Optional[Mapping[str, Any]] = None,
    on_event: Optional[OnEvent] = None,
) -> Summary:
    """Searches for a better prompt of the task file `task`. A run that is in `run` already is resumed or extended.

    `run` is the run directory; None: `runs/TASK-seedN`. `budget`, `optimizer` and `seed` replace those of the task file, and
    `settings` any of its keys, by dotted path. `on_event` is called with every event, from another thread. Raises
    `gepard.Error`; Ctrl-C raises `gepard.Interrupted` after the running step.
    """
    given = dict(settings or {})
    replaced = {"budget": None if budget is None else str(budget), "optimizer": optimizer, "seed": seed}
    given.update({f"optimize.{key}": value for key, value in replaced.items() if value is not None})
    answer = _native.optimize(
        os.fspath(task), None if run is None else os.fspath(run), in_toml(given), _native.Interrupt(), reader(on_event)
    )
    finished = json.loads(answer)
    return Summary(Path(finished["run"]), finished["summary"])


def evaluate(
    task: PathLike,
    *,
    candidate: Union[str, PathLike, Mapping[str, str]] = "seed",
    split: str = "test",
    limit: Optional[int] = None,
    settings: Optional[Mapping[str, Any]] = None,
    on_event: Optional[OnEvent] = None,
) -> Evaluation:
    """Scores a candidate of the task file `task` on examples.

    `candidate` is `"seed"`, a run directory (its best candidate), a `best.json`, or the instruction of each module. `split` is
    `train`, `val` or `test`; `limit` the most examples, counted from the first. Raises `gepard.Error`.
    """
    named = json.dumps(dict(candidate)) if isinstance(candidate, Mapping) else os.fspath(candidate)
    answer = _native.evaluate(
        os.fspath(task), in_toml(settings or {}), named, split, limit, _native.Interrupt(), reader(on_event)
    )
    scores = json.loads(answer)
    rows = [Row(**row) for row in scores["rows"]]
    return Evaluation(scores["score"], scores["objectives"], scores["seconds"], rows)


def in_toml(settings: Mapping[str, Any]) -> list[str]:
    """Returns settings in the form `key=value`, with the values in TOML."""
    # JSON of texts, numbers, booleans and lists of these is TOML.
    return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in settings.items()]
