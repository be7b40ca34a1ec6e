"""`gepard.LM` on the scripted engine."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, Literal

import dspy
import gepard
import pytest
from dspy_support import examples, metric
from gepard.dspy import GEPA
from gepard.lm import InProcess

RULES = [
    {"contains": ["draw"], "texts": ["one", "two", "three", "four"]},
    {"contains": ["long"], "text": "and so", "ended": "length"},
    {"contains": ["too much"], "ended": {"refused": "the prompt exceeds the context"}, "text": ""},
    {"contains": ["capital"], "text": "Paris", "scores": {"Paris": -0.25}},
    {"contains": ["think"], "text": "<think>It is two.</think>2"},
    {"contains": ["silent"], "text": ""},
    {"text": "echo"},
]


@pytest.fixture
def lm() -> gepard.LM:
    return gepard.LM(engine="scripted", script=RULES)


def test_a_prompt_and_a_chat_are_answered(lm: gepard.LM) -> None:
    assert isinstance(lm, dspy.BaseLM) and lm("the capital?") == ["Paris"]
    assert lm(messages=[{"role": "system", "content": "capital"}, {"role": "user", "content": "hm"}]) == ["Paris"]
    assert lm("anything", max_tokens=3, stop=["x"], top_p=0.5) == ["echo"]
    assert lm.history[0]["usage"]["completion_tokens"] == 1


def test_answers_at_random_are_drawn_anew_and_greedy_ones_are_not(lm: gepard.LM) -> None:
    drawn = lm("draw", n=4, temperature=1.0)
    assert len(drawn) == 4 and len(set(drawn)) > 1
    again = gepard.LM(engine="scripted", script=RULES)("draw", n=4, temperature=1.0)
    assert sorted(again) == sorted(drawn)
    assert len(set(lm("draw", n=3))) == 1


def test_the_tokens_of_an_answer_have_log_probabilities(lm: gepard.LM) -> None:
    (answer,) = lm("the capital?", logprobs=True)
    (token,) = answer["logprobs"]["content"]
    assert answer["text"] == "Paris" and (token["token"], token["logprob"]) == ("Paris", -0.25)
    assert bytes(token["bytes"]) == b"Paris" and token["top_logprobs"] == []
    assert lm("silent", logprobs=True)[0]["logprobs"]["content"] == []
    assert [one["text"] for one in lm("the capital?", logprobs=True, n=2)] == ["Paris", "Paris"]


def test_what_the_engine_cannot_do_is_an_error_of_dspy(lm: gepard.LM) -> None:
    with pytest.raises(Exception, match="exceeds the context"):
        lm("too much")
    with pytest.raises(Exception, match="leave top_logprobs out"):
        lm("x", logprobs=True, top_logprobs=3)
    with pytest.raises(Exception, match="reasoning before it"):
        lm("think", logprobs=True)
    with pytest.raises(Exception, match="text only"):
        lm(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]}])


def test_arguments_are_checked(tmp_path: Path) -> None:
    with pytest.raises(gepard.ModelError):
        gepard.LM(str(tmp_path / "nothing.gguf"))
    with pytest.raises(gepard.ConfigError, match="context"):
        gepard.LM("x.gguf", context=1)
    with pytest.raises(ValueError, match="no engine 'cloud'"):
        gepard.LM("x.gguf", engine="cloud")
    with pytest.raises(ValueError, match="needs script"):
        gepard.LM(engine="scripted")
    with pytest.raises(ValueError, match="model is missing"):
        gepard.LM()


def test_calls_of_many_threads_are_answered_each_with_its_own(tmp_path: Path) -> None:
    rules = [{"contains": [f"number {n}."], "text": f"answer {n}"} for n in range(200)]
    lm = gepard.LM(engine="scripted", script=rules, window=0.01)
    answers: dict[int, Any] = {}
    threads = [threading.Thread(target=lambda n=n: answers.update({n: lm(f"number {n}.")})) for n in range(200)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert answers == {n: [f"answer {n}"] for n in range(200)}


def test_a_call_can_be_awaited(lm: gepard.LM) -> None:
    assert asyncio.run(lm.acall("the capital?")) == ["Paris"]


def test_a_response_format_becomes_a_grammar(lm: gepard.LM, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict] = []
    engine = lm.engine
    monkeypatch.setattr(engine, "_request", _noting(engine, asked))
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
    lm("x", response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
    assert '"integer"' in asked[0]["decoding"]["grammar"]
    lm("x", response_format={"type": "json_object"})
    assert "%json" in asked[1]["decoding"]["grammar"]


def _noting(engine: InProcess, asked: list) -> Any:
    make = engine._request

    def noted(request: Any) -> dict:
        asked.append(make(request))
        return asked[-1]

    return noted


def test_programs_run_copy_and_save_their_model(lm: gepard.LM, tmp_path: Path) -> None:
    program = dspy.Predict("question -> answer: Literal['Paris', 'Rome']", custom_types={"Literal": Literal})
    program.lm = lm
    assert program.deepcopy().lm.engine is lm.engine
    program.save(str(tmp_path / "program.json"))
    loaded = dspy.Predict("question -> answer: str")
    loaded.load(str(tmp_path / "program.json"), allow_unsafe_lm_state=True)
    assert isinstance(loaded.lm, gepard.LM) and loaded.lm("the capital?") == ["Paris"]


def test_one_model_does_the_task_and_reflects(tmp_path: Path) -> None:
    rules = [
        {"contains": ["Write a better instruction"], "text": "```\nSay yes.\n```"},
        {"contains": ["objective is", "Say yes."], "text": "[[ ## answer ## ]]\nyes\n\n[[ ## completed ## ]]"},
        {"text": "[[ ## answer ## ]]\nno\n\n[[ ## completed ## ]]"},
    ]
    lm = gepard.LM(engine="scripted", script=rules)
    with dspy.context(lm=lm, adapter=dspy.ChatAdapter()):
        optimizer = GEPA(
            metric, max_metric_calls=80, reflection_lm=lm, log_dir=tmp_path / "run", settings={"operators": ["rewrite"]}
        )
        better = optimizer.compile(dspy.Predict("question -> answer"), trainset=examples(6), valset=examples(6, 100))
        assert better(question="x").answer == "yes"
    assert better.signature.instructions == "Say yes."
