"""`gepard.dspy.PlainAdapter` on the scripted engine."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, Optional

import dspy
import gepard
import pydantic
import pytest
from dspy.utils.exceptions import AdapterParseError
from dspy_support import examples, metric
from gepard.dspy import GEPA, PlainAdapter


class Order(pydantic.BaseModel):
    number: int
    tags: list[str] = []


class Sort(dspy.Signature):
    """Sort the message."""

    message: str = dspy.InputField()
    team: Literal["sales", "billing"] = dspy.OutputField(desc="who must act")
    urgent: bool = dspy.OutputField()
    order: Order = dspy.OutputField()


def scripted(text: str) -> gepard.LM:
    return gepard.LM(engine="scripted", script=[{"text": text}])


def asked_of(lm: gepard.LM, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """The requests that an engine is asked from now on."""
    asked: list[dict] = []
    make = lm.engine._request

    def noted(request: Any) -> dict:
        asked.append(make(request))
        return asked[-1]

    monkeypatch.setattr(lm.engine, "_request", noted)
    return asked


def test_the_chat_is_that_of_gepard(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = scripted(" billing\nurgent: true\norder: {\"number\": 7, \"tags\": []}")
    asked = asked_of(lm, monkeypatch)
    demo = dspy.Example(message="pay me", team="billing", urgent=False, order=Order(number=1)).with_inputs("message")
    predict = dspy.Predict(Sort)
    predict.demos = [demo, dspy.Example(message="no outputs")]
    with dspy.context(lm=lm, adapter=PlainAdapter()):
        found = predict(message="refund 7")
    assert (found.team, found.urgent, found.order) == ("billing", True, Order(number=7))
    messages = asked[0]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant"]
    assert messages[0]["content"].startswith("Sort the message.\n`team`: who must act\n")
    assert messages[0]["content"].endswith("message: pay me")
    assert messages[1]["content"].startswith("team: billing\nurgent: false\norder: {\"number\":1")
    assert messages[2]["content"] == "message: refund 7" and messages[3]["content"] == "team:"
    assert '"sales" | "billing"' in asked[0]["decoding"]["grammar"]


def test_reasoning_comes_first_and_may_have_several_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = scripted(" It is\ntwo lines.\nanswer: 4")
    asked = asked_of(lm, monkeypatch)
    with dspy.context(lm=lm, adapter=PlainAdapter()):
        found = dspy.ChainOfThought("question -> answer: int")(question="2 + 2")
    assert (found.answer, found.reasoning) == (4, "It is\ntwo lines.")
    assert asked[0]["messages"][-1] == {"role": "assistant", "content": "reasoning:"}


def test_history_is_earlier_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = scripted(" 4")
    asked = asked_of(lm, monkeypatch)

    class Talk(dspy.Signature):
        """Answer."""

        history: dspy.History = dspy.InputField()
        question: str = dspy.InputField()
        answer: str = dspy.OutputField()

    with dspy.context(lm=lm, adapter=PlainAdapter()):
        history = dspy.History(messages=[{"question": "1 + 1", "answer": "2"}])
        assert dspy.Predict(Talk)(question="2 + 2", history=history).answer == "4"
    assert [message["content"] for message in asked[0]["messages"]] == [
        "Answer.\n\nquestion: 1 + 1",
        "answer: 2",
        "question: 2 + 2",
        "answer:",
    ]


def test_a_model_that_cannot_go_on_is_not_given_a_begun_answer() -> None:
    adapter = PlainAdapter()
    messages = adapter.format(dspy.Signature("question -> answer"), [], {"question": "x"})
    assert [message["role"] for message in messages] == ["user"]
    assert adapter.parse(dspy.Signature("question -> answer"), "answer: yes") == {"answer": "yes"}
    typed = dspy.Signature("q -> a: Optional[str], b: list[str]", custom_types={"Optional": Optional})
    assert adapter.parse(typed, "a: x\nb: [\"y\"]") == {"a": "x", "b": ["y"]}


def test_an_answer_that_cannot_be_read_is_an_error_of_dspy() -> None:
    with dspy.context(lm=scripted("no idea"), adapter=PlainAdapter()):
        with pytest.raises(AdapterParseError, match="`urgent`"):
            dspy.Predict(Sort)(message="x")
        with pytest.raises(AdapterParseError, match="has another type"):
            dspy.Predict("question -> number: int")(question="x")


def test_calls_can_be_awaited() -> None:
    async def ask() -> Any:
        with dspy.context(lm=scripted(" yes"), adapter=PlainAdapter()):
            return await dspy.Predict("question -> answer").acall(question="x")

    assert asyncio.run(ask()).answer == "yes"


def test_a_small_model_is_optimized_with_it(tmp_path: Any) -> None:
    rules = [
        {"contains": ["Write a better instruction"], "text": "```\nSay yes.\n```"},
        {"contains": ["Say yes.", "answer:"], "text": " yes"},
        {"text": " no"},
    ]
    lm = gepard.LM(engine="scripted", script=rules)
    with dspy.context(lm=lm, adapter=PlainAdapter()):
        optimizer = GEPA(
            metric, max_metric_calls=80, reflection_lm=lm, log_dir=tmp_path / "run", settings={"operators": ["rewrite"]}
        )
        better = optimizer.compile(dspy.Predict("question -> answer"), trainset=examples(6), valset=examples(6, 100))
    assert better.signature.instructions == "Say yes."
