"""Models of DSPy that are functions, and a task on which they are tried."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any, Optional

import dspy
from dspy.utils.dummies import DummyLM
from gepard.dspy import GEPA

GOOD = "Say yes."


class Solver(DummyLM):
    """Answers `yes` if it is told to, else `no`; other outputs are fixed."""

    def __init__(self, garbled: bool = False) -> None:
        super().__init__({})
        self.garbled = garbled
        self.lock = threading.Lock()

    def forward(self, prompt: Optional[str] = None, messages: Optional[list] = None, **kwargs: Any) -> Any:
        # The next answer is a state of the model, which threads must not take from each other.
        with self.lock:
            self.answers = iter([self.fields(messages or [{"content": prompt or ""}])])
            return super().forward(prompt=prompt, messages=messages, **kwargs)

    def fields(self, messages: list) -> dict:
        text = "\n".join(str(message["content"]) for message in messages)
        if self.garbled:
            return {"nothing": "garbled"}
        answer = "yes" if GOOD in text else "no"
        wanted = re.findall(r"\[\[ ## (\w+) ## \]\]", str(messages[-1]["content"]))
        fixed = {"answer": answer, "next_tool_name": "finish", "next_tool_args": "{}"}
        return {name: fixed.get(name, "go on") for name in wanted if name not in ("question", "trajectory", "completed")}


class Reflecting:
    """A reflecting model that always has the right idea, and keeps what it was asked."""

    model = "reflecting"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, prompt: str, **_: Any) -> list[str]:
        self.asked.append(prompt)
        return [f"```\n{GOOD}\n```"]


def metric(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
    """1 for the right answer. The feedback names the predictor if there is one."""
    score = float(getattr(pred, "answer", None) == gold.answer)
    feedback = f"feedback on {pred_name}: say yes" if pred_name else "say yes"
    return dspy.Prediction(score=score, feedback=feedback)


def examples(count: int, first: int = 0) -> list:
    rows = range(first, first + count)
    return [dspy.Example(question=f"question {n}", answer="yes").with_inputs("question") for n in rows]


def optimizer(run: Optional[Path], **replaced: Any) -> GEPA:
    arguments = {
        "metric": metric,
        "max_metric_calls": 80,
        "reflection_lm": Reflecting(),
        "log_dir": run,
        "track_stats": True,
        "track_best_outputs": True,
        "num_threads": 4,
        "settings": {"operators": ["rewrite"]},
    }
    return GEPA(**{**arguments, **replaced})


class Fragile(dspy.Module):
    """A program that raises on one row, and hangs on another."""

    def __init__(self, hangs: bool = False) -> None:
        super().__init__()
        self.hangs = hangs
        self.predict = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        if question == "question 101":
            raise RuntimeError("cannot read it")
        if self.hangs and question == "question 102":
            threading.Event().wait()
        return self.predict(question=question)


class Imitator(DummyLM):
    """Answers `yes` if it is shown a worked example, else `no`. It keeps the chats that it was sent."""

    def __init__(self) -> None:
        super().__init__({})
        self.lock = threading.Lock()
        self.chats: list[list] = []

    def forward(self, prompt: Optional[str] = None, messages: Optional[list] = None, **kwargs: Any) -> Any:
        with self.lock:
            chat = messages or []
            self.chats.append(chat)
            answer = "yes" if any(message["role"] == "assistant" for message in chat) else "no"
            self.answers = iter([{"reasoning": "as shown", "answer": answer}])
            return super().forward(prompt=prompt, messages=messages, **kwargs)
