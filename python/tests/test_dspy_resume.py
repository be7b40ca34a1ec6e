"""Runs of `gepard.dspy.GEPA` that end early, and go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import dspy
import gepard
import pytest
from conftest import records
from dspy_support import GOOD, Fragile, Reflecting, Solver, examples, optimizer


@pytest.fixture(autouse=True)
def quiet() -> Any:
    with dspy.context(lm=Solver(), adapter=dspy.ChatAdapter()):
        yield


def test_what_was_run_is_not_run_again(tmp_path: Path) -> None:
    student, run = dspy.Predict("question -> answer"), tmp_path / "run"
    first = optimizer(run).compile(student, trainset=examples(6), valset=examples(6, 100))

    def refuse(*_: Any) -> float:
        raise AssertionError("the metric is not to be called")

    again = optimizer(run, metric=refuse, reflection_lm=Reflecting()).compile(
        student, trainset=examples(6), valset=examples(6, 100)
    )
    assert again.signature.instructions == first.signature.instructions
    # What the program returned is in the journal.
    assert again.detailed_results.best_outputs_valset[0][0][1].answer == "yes"
    with pytest.raises(gepard.RunDirectoryError):
        optimizer(run).compile(student, trainset=examples(5), valset=examples(6, 100))


def test_a_run_of_the_program_that_never_returns_is_left_behind(tmp_path: Path) -> None:
    started = time.monotonic()
    better = optimizer(tmp_path / "run", rollout_timeout=1.0, max_metric_calls=40).compile(
        Fragile(hangs=True), trainset=examples(6), valset=examples(6, 100)
    )
    assert better.detailed_results.val_subscores[0][2] == 0.0 and time.monotonic() - started < 60
    assert better.predict.signature.instructions == GOOD


def test_ctrl_c_while_the_program_runs(tmp_path: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)

    class Slow(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.predict = dspy.Predict("question -> answer")

        def forward(self, question: str) -> dspy.Prediction:
            threading.Event().wait(30)
            return self.predict(question=question)

    threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(gepard.Interrupted):
        optimizer(tmp_path / "run").compile(Slow(), trainset=examples(4), valset=examples(4, 100))
    assert time.monotonic() - started < 10


def test_a_killed_run_goes_on_and_nothing_is_lost(tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("killed_run.py")), str(tmp_path)]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = len(records(tmp_path / "run", "rollouts"))
    assert before >= 1
    whole = subprocess.run([*command, "whole"], capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    told = json.loads(whole.stdout.splitlines()[-1])
    assert told["best"] == 1.0
    # No example was run twice with the same instructions.
    calls = (tmp_path / "calls.jsonl").read_text().splitlines()
    assert len(calls) == len(set(calls))


def test_an_exception_of_the_reflecting_model_is_raised(tmp_path: Path) -> None:
    def broken(prompt: str, **_: Any) -> str:
        raise ConnectionError("no model here")

    with pytest.raises(ConnectionError, match="no model here"):
        optimizer(tmp_path / "run", reflection_lm=broken).compile(
            dspy.Predict("question -> answer"), trainset=examples(6), valset=examples(6, 100)
        )


def test_a_finished_run_goes_on_with_a_larger_budget(tmp_path: Path) -> None:
    student, run = dspy.Predict("question -> answer"), tmp_path / "run"

    def hard(gold: Any, pred: Any, *_: Any) -> float:
        return 0.5 * (gold.answer == pred.answer)

    small = optimizer(run, metric=hard, max_metric_calls=30).compile(student, trainset=examples(6), valset=examples(6, 100))
    large = optimizer(run, metric=hard, max_metric_calls=60).compile(student, trainset=examples(6), valset=examples(6, 100))
    spent = [one.detailed_results.total_metric_calls for one in (small, large)]
    assert spent[0] <= 30 and spent[0] <= spent[1] <= 60
    assert large.detailed_results.summary.run == run
