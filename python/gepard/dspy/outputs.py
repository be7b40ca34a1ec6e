"""What a program returned, as the journal has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..search.job import PROGRAM_STEP
from ..search.task import row_of


def recorded(run: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Returns what the program returned, by the key of the candidate and the position of the validation row."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    with (run / "journal.jsonl").open(encoding="utf-8") as journal:
        for line in journal:
            record = json.loads(line)["record"]
            if record["kind"] == "rollouts" and record["ask"]["split"] == "val":
                for key, rollout in zip(_asked(record["ask"]), record["rollouts"]):
                    steps = [step for step in rollout["rollout"]["steps"] if step["module"] == PROGRAM_STEP]
                    found.update({key: step["outputs"] for step in steps})
    return found


def _asked(ask: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for part in ask["of"]:
        for identity in part["examples"]:
            yield part["candidate"], row_of(identity)
