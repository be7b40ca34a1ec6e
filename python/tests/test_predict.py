"""`gepard.predict` on the scripted engine."""

from __future__ import annotations

import json
from pathlib import Path

import gepard
import pytest
from conftest import RULES, write_rules


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """40 rows, of which the third is refused by a model that refuses broken ones."""
    path = tmp_path / "new.jsonl"
    texts = ["broken" if n == 2 else f"new {n}" for n in range(40)]
    path.write_text("".join(json.dumps({"nr": n, "text": text}) + "\n" for n, text in enumerate(texts)))
    return path


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_best_candidate_of_a_run_answers_new_rows(task: Path, rows: Path, tmp_path: Path) -> None:
    run = gepard.optimize(task, run=tmp_path / "run").run
    # The script is no part of what identifies the answers of a finished run.
    write_rules(task.parent, [{"contains": ["broken"], "text": "", "ended": {"refused": "no broken rows"}}, *RULES])
    events: list[gepard.Event] = []
    result = gepard.predict(run, rows, on_event=events.append)
    assert result.output == tmp_path / "new.predicted.jsonl"
    assert (result.rows, result.known, result.failed, result.error_column) == (40, 0, 1, "error")
    assert result.seconds > 0 and result.tokens["decoded"] >= 39
    written = read(result.output)
    assert written[0] == {"nr": 0, "text": "new 0", "answer": "yes", "error": None}
    assert written[2]["answer"] is None and "no broken rows" in written[2]["error"]
    assert [event.done for event in events if event.kind == "predicting"] == [0, 32, 40]
    seed = gepard.predict(run, rows, tmp_path / "seed.csv", candidate=0)
    assert seed.output.read_text().splitlines()[:2] == ["nr,text,answer,error", "0,new 0,no,"]


def test_a_task_file_answers_with_its_seed_and_errors_have_their_class(task: Path, rows: Path, tmp_path: Path) -> None:
    assert read(gepard.predict(task, rows).output)[0]["answer"] == "no"
    with pytest.raises(gepard.ConfigError, match="exists already"):
        gepard.predict(task, rows)
    with pytest.raises(gepard.ConfigError, match="has its seed alone"):
        gepard.predict(task, rows, tmp_path / "x.csv", candidate=1)
    with pytest.raises(gepard.DataError):
        gepard.predict(task, tmp_path / "nothing.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(gepard.RunDirectoryError, match="best.json"):
        gepard.predict(tmp_path / "empty", rows, tmp_path / "x.csv")
    run = gepard.optimize(task, run=tmp_path / "run").run
    with pytest.raises(gepard.ConfigError, match="no candidate 99"):
        gepard.predict(run, rows, tmp_path / "x.csv", candidate=99)
    with pytest.raises(gepard.ConfigError, match="give one of them"):
        gepard.predict(run, rows, tmp_path / "x.csv", candidate=1, max_prompt_tokens=100)


def test_a_call_that_was_stopped_goes_on(task: Path, rows: Path) -> None:
    def stop(event: gepard.Event) -> None:
        if event.kind == "predicting" and event.done == 32:
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        gepard.predict(task, rows, on_event=stop)
    result = gepard.predict(task, rows)
    assert (result.rows, result.known) == (40, 32)
    assert [row["nr"] for row in read(result.output)] == list(range(40))
