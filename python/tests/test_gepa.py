"""`gepard.gepa.optimize` with an adapter of the package `gepa`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gepard
import pytest
from gepa.core.adapter import EvaluationBatch
from gepard.gepa import optimize

GOOD = "Say yes."


class Adapter:
    """Answers `yes` where each of two components is told to."""

    propose_new_texts = None

    def __init__(self) -> None:
        self.runs: list[tuple[str, str]] = []

    def evaluate(self, batch: list, candidate: dict, capture_traces: bool = False) -> EvaluationBatch:
        answer = "yes" if all(GOOD in text for text in candidate.values()) else "no"
        self.runs += [(row["q"], str(candidate)) for row in batch]
        scores = [float(answer == "yes")] * len(batch)
        traces = [{"q": row["q"], "answer": answer} for row in batch] if capture_traces else None
        return EvaluationBatch(outputs=[answer] * len(batch), scores=scores, trajectories=traces)

    def make_reflective_dataset(self, candidate: dict, eval_batch: Any, components_to_update: list) -> dict:
        def record(name: str, trace: dict) -> dict:
            return {"Inputs": {"q": trace["q"]}, "Generated Outputs": trace["answer"], "Feedback": f"{name}: say yes"}

        return {name: [record(name, trace) for trace in eval_batch.trajectories] for name in components_to_update}


def rows(count: int, first: int = 0) -> list:
    return [{"q": f"question {n}"} for n in range(first, first + count)]


def reflect(prompt: str) -> str:
    reflect.asked.append(prompt)  # type: ignore[attr-defined]
    return f"```\n{GOOD}\n```"


reflect.asked = []  # type: ignore[attr-defined]


def run(folder: Path, seed: dict, adapter: Any, **extra: Any) -> Any:
    return optimize(
        seed,
        rows(6),
        rows(6, 100),
        adapter,
        reflection_lm=reflect,
        max_metric_calls=100,
        run_dir=folder,
        settings={"operators": ["rewrite"]},
        **extra,
    )


def test_a_candidate_is_improved_and_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    adapter = Adapter()
    result = run(tmp_path / "run", {"prompt": "Answer."}, adapter)
    assert result.best_candidate == {"prompt": GOOD} and result.val_aggregate_scores[result.best_idx] == 1.0
    assert result.best_outputs_valset[0][0][1] == "yes" and result.total_metric_calls <= 100
    asked = "\n".join(reflect.asked)
    assert "q: question " in asked and "Feedback: prompt: say yes" in asked and "output: no" in asked
    assert len(adapter.runs) == len(set(adapter.runs))
    again = Adapter()
    assert run(tmp_path / "run", {"prompt": "Answer."}, again).best_candidate == {"prompt": GOOD}
    assert again.runs == []


def test_several_components_are_improved(tmp_path: Path) -> None:
    result = run(tmp_path / "run", {"a.b": "Plan.", "a/b": "Answer."}, Adapter(), module_selector="all")
    assert result.best_candidate == {"a.b": GOOD, "a/b": GOOD}


def test_an_exception_of_the_adapter_ends_the_run(tmp_path: Path) -> None:
    class Broken(Adapter):
        def evaluate(self, *_: Any, **__: Any) -> EvaluationBatch:
            raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        run(tmp_path / "run", {"prompt": "Answer."}, Broken())
    assert run(tmp_path / "run", {"prompt": "Answer."}, Adapter()).best_candidate == {"prompt": GOOD}


def test_scores_that_are_no_scores_are_not_counted(tmp_path: Path) -> None:
    class Bad(Adapter):
        def evaluate(self, batch: list, candidate: dict, capture_traces: bool = False) -> EvaluationBatch:
            found = super().evaluate(batch, candidate, capture_traces)
            found.scores = [float("nan")] * len(batch)
            return found

    with pytest.raises(gepard.MetricError, match="the score nan"):
        run(tmp_path / "run", {"prompt": "Answer."}, Bad())


def test_other_arguments_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop_callbacks"):
        run(tmp_path, {"prompt": "Answer."}, Adapter(), stop_callbacks=[])
    with pytest.raises(ValueError, match="module_selector"):
        run(tmp_path, {"prompt": "Answer."}, Adapter(), module_selector=len)
    with pytest.raises(ValueError, match="must be given"):
        optimize({"a": "b"}, rows(1), adapter=Adapter())
