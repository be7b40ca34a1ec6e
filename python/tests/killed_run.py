"""A run that ends itself without notice after some calls, unless it is told to be whole. Every call is noted in a file."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import dspy
from dspy_support import Solver, examples, metric, optimizer

folder = Path(sys.argv[1])
is_whole = len(sys.argv) > 2


def noted(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
    return metric(gold, pred, trace, pred_name, pred_trace)


class Noted(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.predict = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        with (folder / "calls.jsonl").open("a") as calls:
            calls.write(json.dumps([question, self.predict.signature.instructions]) + "\n")
        return self.predict(question=question)


def on_event(event: Any) -> None:
    if event.kind == "evaluated" and event.purpose == "parent" and not is_whole:
        os.kill(os.getpid(), signal.SIGKILL)


dspy.configure(lm=Solver())
better = optimizer(folder / "run", metric=noted, on_event=on_event).compile(
    Noted(), trainset=examples(6), valset=examples(6, 100)
)
print(json.dumps({"best": max(better.detailed_results.val_aggregate_scores)}))
