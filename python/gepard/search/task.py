"""The task file of a search in Python, and its data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .job import Component, to_text

#: The folder of the task in the run directory.
FOLDER = "task"

HEAD = """# Written by the Python package: the program, its metric and the reflecting model are objects of Python.
# [metric] and [model] stand here because a task file has them; they are not used.
"""


def write_task(
    run: Path,
    components: Sequence[Component],
    names: Mapping[str, str],
    train: Sequence[Mapping[str, Any]],
    val: Sequence[Mapping[str, Any]],
    optimize: Mapping[str, Any],
) -> Path:
    """Writes the task file and the rows into the run directory. Returns the path of the file."""
    folder = run / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    _write_rows(folder / "train.jsonl", "train", train)
    _write_rows(folder / "val.jsonl", "val", val)
    (folder / "script.jsonl").write_text("", encoding="utf-8")
    first = next(iter(components[-1].outputs))
    tables = [
        _table("[data]", {"train": "train.jsonl", "val": "val.jsonl", "allow_overlap": True}),
        *(_module(components, at, names) for at in range(len(components))),
        _table("[metric]", {"kind": "exact", "field": first}),
        _table("[model.python]", {"engine": "scripted", "script": "script.jsonl"}),
        _table("[optimize]", {**optimize, "reflectors": ["python"]}),
    ]
    path = folder / "gepard.toml"
    path.write_text(HEAD + "\n".join(tables), encoding="utf-8")
    return path


def row_of(identity: str) -> int:
    """Returns the position of the row that an id names."""
    return int(identity.rsplit("-", 1)[1])


def is_training(identity: str) -> bool:
    """Whether an id names a training row."""
    return identity.startswith("train-")


def _module(components: Sequence[Component], at: int, names: Mapping[str, str]) -> str:
    component = components[at]
    table = {
        "name": names[component.name],
        "inputs": list(component.inputs),
        "outputs": list(component.outputs),
        "instruction": component.text,
        "model": "python",
    }
    # The program decides what runs. Modules on a condition may write the same outputs; the condition is not used.
    condition = f"when = {{ field = {json.dumps(components[0].inputs[0])}, empty = false }}\n" if at else ""
    return _table("[[module]]", table) + condition


def _table(head: str, values: Mapping[str, Any]) -> str:
    # JSON of texts, numbers, booleans and lists of these is TOML.
    return head + "\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def _write_rows(path: Path, split: str, rows: Sequence[Mapping[str, Any]]) -> None:
    lines = (json.dumps({"id": f"{split}-{index}", **_fields(row)}, ensure_ascii=False) for index, row in enumerate(rows))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a row's fields as JSON. A field called `id` is the caller's own, and its name is taken."""
    plain = (bool, int, float, type(None))
    values = {str(name): value if isinstance(value, plain) else to_text(value) for name, value in row.items()}
    return {("id_" if name == "id" else name): value for name, value in values.items()}
