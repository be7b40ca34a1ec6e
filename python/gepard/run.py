"""Runs of a task file: `optimize`, `evaluate` and `predict`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

from . import _native
from .events import OnEvent, reader
from .summary import Evaluation, Predictions, Row, Summary

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


def predict(
    subject: PathLike,
    input: PathLike,
    output: Optional[PathLike] = None,
    *,
    candidate: Optional[int] = None,
    max_prompt_tokens: Optional[int] = None,
    settings: Optional[Mapping[str, Any]] = None,
    on_event: Optional[OnEvent] = None,
) -> Predictions:
    """Answers every row of the file `input`, and writes the rows with the program's outputs into `output`.

    `subject` is the directory of a finished run, or a task file, whose seed is used. Of a run, the best candidate answers, or
    the one with the pool index `candidate`, or the best with at most `max_prompt_tokens` prompt tokens. The files are JSONL,
    CSV or TSV by their endings; `output` is `NAME.predicted.jsonl` (`.csv`, `.tsv`) beside the input if it is not given, and
    must not exist. A row that fails has its reason in an added column, and is counted in the result. After Ctrl-C or a kill,
    the same call goes on. Raises `gepard.Error`.
    """
    answer = _native.predict(
        os.fspath(subject),
        os.fspath(input),
        None if output is None else os.fspath(output),
        candidate,
        max_prompt_tokens,
        in_toml(settings or {}),
        _native.Interrupt(),
        reader(on_event),
    )
    written = json.loads(answer)
    return Predictions(Path(written["output"]), tokens=written["tokens"], **written["result"])


def in_toml(settings: Mapping[str, Any]) -> list[str]:
    """Returns settings in the form `key=value`, with the values in TOML."""
    # JSON of texts, numbers, booleans and lists of these is TOML.
    return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in settings.items()]
