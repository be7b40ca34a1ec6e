"""Loads a model: writes the task file of a single model and opens it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union

from .. import _native

#: The keys of `[model.NAME]` and of `[engine]` that a model may be given. `cache` has another name, because DSPy has it too.
MODEL_KEYS = ("context", "gpu_layers", "thinking")
ENGINE_KEYS = ("threads", "sequences", "chunk", "memory")

#: The rules of the scripted engine: a path, or the rules themselves.
Script = Union[str, "os.PathLike[str]", Sequence[Mapping[str, Any]]]

TASK = """
[data]
train = "none.jsonl"
[[module]]
name = "any"
inputs = ["input"]
outputs = ["output"]
instruction = "Answer."
max_tokens = 1
model = "model"
[metric]
kind = "exact"
field = "output"
[optimize]
reflection_tokens = 16
"""


def load(settings: Mapping[str, Any], window: float) -> _native.Model:
    """Loads the model of `[model.NAME]` and `[engine]`. Raises `gepard.Error` if it cannot be used."""
    with tempfile.TemporaryDirectory(prefix="gepard-") as name:
        folder = Path(name)
        model = {key: value for key, value in settings.items() if key not in ENGINE_KEYS}
        if "script" in model:
            model["script"] = _script(model["script"], folder)
        engine = {key: value for key, value in settings.items() if key in ENGINE_KEYS}
        task = TASK + _table("[model.model]", model) + _table("[engine]", engine)
        (folder / "gepard.toml").write_text(task, encoding="utf-8")
        return _native.Model(str(folder / "gepard.toml"), window)


def _script(script: Script, folder: Path) -> str:
    if isinstance(script, (str, os.PathLike)):
        return os.path.abspath(os.fspath(script))
    path = folder / "script.jsonl"
    path.write_text("".join(json.dumps(dict(rule)) + "\n" for rule in script), encoding="utf-8")
    return str(path)


def _table(head: str, values: Mapping[str, Any]) -> str:
    return head + "\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
