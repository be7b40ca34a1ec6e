"""Tasks that the scripted engine plays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TASK = """
[data]
train = "train.jsonl"
val = "val.jsonl"
[[module]]
name = "answer"
inputs = ["text"]
outputs = ["answer"]
instruction = "Answer."
max_tokens = 8
[metric]
kind = "exact"
field = "answer"
[model.task]
engine = "scripted"
script = "script.jsonl"
[optimize]
operators = ["rewrite"]
budget = "60"
"""

RULES = [
    {"contains": ["Write a better instruction"], "text": "```\nSay yes.\n```"},
    {"contains": ["Say yes."], "text": "yes"},
    {"text": "no"},
]


def write_rows(path: Path, words: str) -> None:
    rows = [json.dumps({"text": f"{words} {n}", "answer": "yes"}) for n in range(6)]
    path.write_text("\n".join(rows))


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task in which whoever is told to say yes does."""
    folder = tmp_path / "task"
    folder.mkdir()
    write_rows(folder / "train.jsonl", "question")
    write_rows(folder / "val.jsonl", "other question")
    write_rules(folder, RULES)
    (folder / "gepard.toml").write_text(TASK)
    return folder / "gepard.toml"


def write_rules(folder: Path, rules: list) -> None:
    (folder / "script.jsonl").write_text("\n".join(json.dumps(rule) for rule in rules))


def records(run: Path, kind: str) -> list:
    """The records of a kind in the journal of a run."""
    lines = (run / "journal.jsonl").read_text().splitlines()
    found = [json.loads(line)["record"] for line in lines]
    return [record for record in found if record["kind"] == kind]
