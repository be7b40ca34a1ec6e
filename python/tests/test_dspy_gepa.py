"""`gepard.dspy.GEPA` on programs of DSPy, with models that are functions."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import dspy
import gepard
import pytest
from conftest import records
from dspy.utils.dummies import DummyLM
from dspy_support import GOOD, Fragile, Reflecting, Solver, examples, metric, optimizer
from gepard.dspy import GEPA


@pytest.fixture(autouse=True)
def quiet() -> Any:
    with dspy.context(lm=Solver(), adapter=dspy.ChatAdapter()):
        yield


def test_a_program_is_optimized_saved_and_loaded(tmp_path: Path) -> None:
    student = dspy.ChainOfThought("question -> answer")
    better = optimizer(tmp_path / "run").compile(student, trainset=examples(6), valset=examples(6, 100))
    assert better.predict.signature.instructions == GOOD
    assert student.predict.signature.instructions != GOOD
    results = better.detailed_results
    assert results.val_aggregate_scores[0] == 0.0 and results.val_aggregate_scores[results.best_idx] == 1.0
    assert results.parents[0] == [None] and results.parents[results.best_idx] == [0]
    assert results.val_subscores[results.best_idx] == {row: 1.0 for row in range(6)}
    assert results.per_val_instance_best_candidates[0] == {results.best_idx}
    assert results.highest_score_achieved_per_val_task[3] == 1.0
    assert results.total_metric_calls > 6 and results.num_full_val_evals >= 2
    assert results.best_outputs_valset[2][0][1].answer == "yes"
    assert results.best_candidate(question="q").answer == "yes"
    assert json.dumps(results.to_dict()["candidates"]) and "<iframe" in results._repr_html_()
    assert set(results.__dataclass_fields__) > set(dspy.teleprompt.gepa.gepa.DspyGEPAResult.__dataclass_fields__)
    better.save(str(tmp_path / "program.json"))
    loaded = dspy.ChainOfThought("question -> answer")
    loaded.load(str(tmp_path / "program.json"))
    assert loaded(question="new").answer == "yes"


def test_reflectors_read_the_trace_and_the_feedback_on_their_predictor(tmp_path: Path) -> None:
    reflecting = Reflecting()
    optimizer(tmp_path / "run", reflection_lm=reflecting).compile(
        dspy.ChainOfThought("question -> answer"), trainset=examples(6), valset=examples(6, 100)
    )
    asked = "\n".join(reflecting.asked)
    assert "question: question " in asked and "answer: no" in asked
    assert "Feedback: feedback on predict: say yes" in asked


class TwoSteps(dspy.Module):
    """A program with its own control flow, and a lock that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.first = dspy.ChainOfThought("question -> plan")
        self.second = dspy.ChainOfThought("question, plan -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        plan = self.first(question=question).plan
        if plan == "stop":
            return dspy.Prediction(answer="none")
        with self.lock:
            return self.second(question=question, plan=plan)


def test_a_program_with_own_control_flow_that_cannot_be_pickled(tmp_path: Path) -> None:
    better = optimizer(tmp_path / "run", component_selector="all", max_metric_calls=120).compile(
        TwoSteps(), trainset=examples(6), valset=examples(6, 100)
    )
    assert better(question="x").answer == "yes"
    assert set(better.detailed_results.to_dict()["candidates"][0]) == {"first.predict", "second.predict"}


def test_react_is_optimized(tmp_path: Path) -> None:
    def look(word: str) -> str:
        """Looks a word up."""
        return word

    student = dspy.ReAct("question -> answer", tools=[look], max_iters=2)
    better = optimizer(tmp_path / "run", max_metric_calls=60).compile(student, trainset=examples(4), valset=examples(4, 100))
    assert {name for name, _ in better.named_predictors()} == {"react", "extract.predict"}
    assert better.detailed_results.candidates


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (float("nan"), "the score nan"),
        (None, "returned None"),
        ("good", "the text 'good'"),
        ({"feedback": "no score"}, "not a score"),
        (3.0, "outside of 0.0 to 1.0"),
        ([1.0], "a list"),
    ],
)
def test_a_metric_that_returns_no_score_ends_the_run_and_blames_nobody(returned: Any, says: str, tmp_path: Path) -> None:
    def bad(*_: Any) -> Any:
        return returned

    with pytest.raises(gepard.MetricError, match=says):
        optimizer(tmp_path / "run", metric=bad).compile(
            dspy.Predict("question -> answer"), trainset=examples(6), valset=examples(6, 100)
        )
    # With the metric repaired, the run goes on.
    better = optimizer(tmp_path / "run").compile(
        dspy.Predict("question -> answer"), trainset=examples(6), valset=examples(6, 100)
    )
    assert better.signature.instructions == GOOD


def test_a_metric_that_raises_ends_the_run(tmp_path: Path) -> None:
    def bad(*_: Any) -> float:
        raise KeyError("label")

    with pytest.raises(gepard.MetricError, match="the metric raised KeyError: 'label'"):
        optimizer(tmp_path / "run", metric=bad).compile(
            dspy.Predict("question -> answer"), trainset=examples(6), valset=examples(6, 100)
        )


def test_a_metric_that_fails_on_one_row_leaves_it_unscored(tmp_path: Path) -> None:
    def once(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
        if gold.question == "question 102":
            raise ValueError("this one")
        return metric(gold, pred, trace, pred_name, pred_trace)

    better = optimizer(tmp_path / "run", metric=once).compile(
        dspy.Predict("question -> answer"), trainset=examples(6), valset=examples(6, 100)
    )
    assert better.signature.instructions == GOOD
    assert 2 not in better.detailed_results.val_subscores[0]


def test_a_metric_may_return_a_bool_a_dict_or_a_score_of_another_range(tmp_path: Path) -> None:
    def truth(gold: Any, pred: Any, *_: Any) -> bool:
        return gold.answer == pred.answer

    def words(gold: Any, pred: Any, *_: Any) -> dict:
        return {"score": 10.0 * (gold.answer == pred.answer), "feedback": "say yes", "objective_scores": {"form": 10}}

    for name, own, extra in [("truth", truth, {}), ("words", words, {"perfect_score": 10.0})]:
        better = optimizer(tmp_path / name, metric=own, **extra).compile(
            dspy.Predict("question -> answer"), trainset=examples(6), valset=examples(6, 100)
        )
        assert max(better.detailed_results.val_aggregate_scores) == extra.get("perfect_score", 1.0)
    assert better.detailed_results.objective_pareto_front == {"form": 10.0}


def test_a_program_that_raises_on_a_row_scores_0_there(tmp_path: Path) -> None:
    better = optimizer(tmp_path / "run").compile(Fragile(), trainset=examples(6), valset=examples(6, 100))
    results = better.detailed_results
    assert results.val_subscores[results.best_idx] == {row: float(row != 1) for row in range(6)}
    rollouts = [rollout["rollout"] for record in records(tmp_path / "run", "rollouts") for rollout in record["rollouts"]]
    assert any(rollout.get("failure") == "The program raised RuntimeError: cannot read it" for rollout in rollouts)


def test_an_answer_that_cannot_be_read_is_feedback(tmp_path: Path) -> None:
    with dspy.context(lm=Solver(garbled=True)):
        reflecting = Reflecting()
        better = optimizer(tmp_path / "run", reflection_lm=reflecting, add_format_failure_as_feedback=True).compile(
            dspy.Predict("question -> number: int"), trainset=examples(6), valset=examples(6, 100)
        )
    assert better.detailed_results.val_aggregate_scores[0] == 0.0
    asked = "\n".join(reflecting.asked)
    assert "The answer could not be read: it must have `number`" in asked and "The form is:" in asked


def test_a_model_of_dspy_reflects(tmp_path: Path) -> None:
    reflecting = DummyLM([{"answer": f"```\n{GOOD}\n```"} for _ in range(50)])
    better = optimizer(tmp_path / "run", reflection_lm=reflecting, track_stats=False, track_best_outputs=False).compile(
        dspy.Predict("question -> answer"), trainset=examples(6)
    )
    assert GOOD in better.signature.instructions and not hasattr(better, "detailed_results")


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("instruction_proposer", len),
        ("code_proposer", len),
        ("use_wandb", True),
        ("wandb_api_key", "key"),
        ("wandb_init_kwargs", {"project": "x"}),
        ("use_mlflow", True),
        ("gepa_kwargs", {"frontier_type": "hybrid"}),
        ("skip_perfect_score", False),
        ("seed", None),
        ("candidate_selection_strategy", "best"),
        ("component_selector", len),
    ],
)
def test_arguments_that_cannot_apply_are_refused_by_name(argument: str, value: Any) -> None:
    with pytest.raises(ValueError, match=argument):
        GEPA(metric, **{"max_metric_calls": 10, "reflection_lm": Reflecting(), argument: value})


def test_the_arguments_are_those_of_dspy() -> None:
    import inspect

    theirs, ours = inspect.signature(dspy.GEPA.__init__).parameters, inspect.signature(GEPA.__init__).parameters
    assert [name for name in theirs if name not in ours] == []
    assert {name: ours[name].default for name in theirs} == {name: one.default for name, one in theirs.items()}
    with pytest.raises(ValueError, match="exactly one of"):
        GEPA(metric, auto="light", max_metric_calls=3, reflection_lm=Reflecting())
    with pytest.raises(TypeError, match="five arguments"):
        GEPA(lambda gold, pred: 1.0, auto="light", reflection_lm=Reflecting())
    with pytest.raises(ValueError, match="teacher"):
        optimizer(None).compile(dspy.Predict("a -> b"), trainset=examples(1), teacher=dspy.Predict("a -> b"))
