"""Worked examples as the demos of predictors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy_support import Imitator, Reflecting, examples, metric, optimizer
from gepard.dspy import GEPA
from gepard.dspy.program import with_texts
from gepard.search import Demonstration

EXAMPLES = {"operators": ["examples"]}


@pytest.fixture
def imitator() -> Any:
    model = Imitator()
    with dspy.context(lm=model, adapter=dspy.ChatAdapter()):
        yield model


def test_worked_examples_become_the_demos_of_the_predictor(imitator: Imitator, tmp_path: Path) -> None:
    student = dspy.Predict("question -> answer")
    better = optimizer(tmp_path / "run", settings=EXAMPLES).compile(student, trainset=examples(6), valset=examples(6, 100))
    results = better.detailed_results
    assert results.val_aggregate_scores[0] == 0.0 and results.val_aggregate_scores[results.best_idx] == 1.0
    assert better.demos and all(demo.answer == "yes" and demo.question.startswith("question ") for demo in better.demos)
    assert results.best_candidate.demos == better.demos and results.candidates[0].demos == [] and student.demos == []
    assert better(question="new").answer == "yes"
    better.save(str(tmp_path / "program.json"))
    loaded = dspy.Predict("question -> answer")
    loaded.load(str(tmp_path / "program.json"))
    assert loaded(question="new").answer == "yes" and len(loaded.demos) == len(better.demos)


def test_a_finished_run_has_its_demos_again_without_running_anything(imitator: Imitator, tmp_path: Path) -> None:
    def compiled() -> dspy.Module:
        made = optimizer(tmp_path / "run", settings=EXAMPLES)
        return made.compile(dspy.Predict("question -> answer"), trainset=examples(6), valset=examples(6, 100))

    first, asked = compiled(), len(imitator.chats)
    again = compiled()
    assert len(imitator.chats) == asked and again.demos == first.demos


def test_no_row_is_answered_with_its_own_answer_before_it(imitator: Imitator, tmp_path: Path) -> None:
    # The validation rows are the training rows.
    optimizer(tmp_path / "run", settings=EXAMPLES).compile(dspy.Predict("question -> answer"), trainset=examples(6))
    with_demos = [chat for chat in imitator.chats if any(message["role"] == "assistant" for message in chat)]
    asked = [[message["content"] for message in chat if message["role"] == "user"] for chat in with_demos]
    questions = [[next(line for line in text.splitlines() if line.startswith("question ")) for text in turns] for turns in asked]
    assert questions and all(turns[-1] not in turns[:-1] for turns in questions)


def test_demos_with_reasoning_come_from_right_calls(imitator: Imitator, tmp_path: Path) -> None:
    """A row has no reasoning, so only a call of the program can show one."""

    def right_on_even(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
        return float(pred.answer == "yes" or gold.question.endswith(("0", "2", "4")))

    student = dspy.ChainOfThought("question -> answer")
    better = optimizer(tmp_path / "run", metric=right_on_even, settings=EXAMPLES, max_metric_calls=120).compile(
        student, trainset=examples(6), valset=examples(6, 100)
    )
    demos = [demo for candidate in better.detailed_results.candidates for demo in candidate.predict.demos]
    assert demos and all(str(demo.reasoning) == "as shown" and demo.answer == "no" for demo in demos)


def test_values_have_the_types_of_the_signature_and_own_demos_stay() -> None:
    student = dspy.Predict("question, count: int -> tags: list[str], is_new: bool")
    own = dspy.Example(question="own", count=1, tags=[], is_new=True)
    student.demos = [own]
    shown = Demonstration(3, {"question": "q", "count": "2"}, {"tags": '["a", "b"]', "is_new": "maybe", "other": "x"})
    predictor = with_texts(student, {"self": "Do."}, {"self": [shown]})
    assert predictor.demos[0] == own and student.demos == [own] and predictor.signature.instructions == "Do."
    added = predictor.demos[1]
    assert added.toDict() == {"question": "q", "count": 2, "tags": ["a", "b"], "is_new": "maybe"}
    assert set(added.inputs().keys()) == {"question", "count"}


def test_instructions_alone_can_be_asked_for(imitator: Imitator, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'examples' has no effect"):
        optimizer(tmp_path / "run", demonstrations=False, settings=EXAMPLES).compile(
            dspy.Predict("question -> answer"), trainset=examples(6)
        )
    with pytest.raises(ValueError, match="'layout' has no effect"):
        optimizer(tmp_path / "run", settings={"operators": ["layout"]}).compile(
            dspy.Predict("question -> answer"), trainset=examples(6)
        )
    compiled = GEPA(
        metric, max_metric_calls=60, reflection_lm=Reflecting(), demonstrations=False, log_dir=tmp_path / "run"
    ).compile(dspy.Predict("question -> answer"), trainset=examples(6), valset=examples(6, 100))
    assert compiled.demos == []
