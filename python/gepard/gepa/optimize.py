"""`optimize` with the arguments of `gepa.optimize`."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional, Union

from gepa.core.result import GEPAResult

from ..events import OnEvent
from ..search import Component, Found, Options, Reflector, Scale, search
from .adapted import Adapted

logger = logging.getLogger(__name__)

SELECTIONS = {
    "pareto": "pareto",
    "current_best": "current-best",
    "epsilon_greedy": "epsilon-greedy",
    "top_k_pareto": "top-k-pareto",
}
MODULES = {"round_robin": "round-robin", "all": "all"}
FRONTIERS = {"instance": "example", "objective": "objective", "hybrid": "hybrid", "cartesian": "cartesian"}
GATES = {"strict_improvement": "strict", "improvement_or_equal": "or-equal"}


def optimize(
    seed_candidate: Mapping[str, str],
    trainset: Sequence[Any],
    valset: Optional[Sequence[Any]] = None,
    adapter: Any = None,
    *,
    reflection_lm: Optional[Callable[[str], str]] = None,
    candidate_selection_strategy: str = "pareto",
    frontier_type: str = "instance",
    reflection_minibatch_size: Optional[int] = None,
    perfect_score: float = 1.0,
    failure_score: float = 0.0,
    module_selector: str = "round_robin",
    use_merge: bool = False,
    max_merge_invocations: int = 5,
    max_metric_calls: Optional[int] = None,
    acceptance_criterion: Optional[str] = None,
    run_dir: Union[str, "os.PathLike[str]", None] = None,
    track_best_outputs: bool = True,
    seed: int = 0,
    on_event: Optional[OnEvent] = None,
    reflection_context: int = 32768,
    settings: Optional[Mapping[str, Any]] = None,
    **others: Any,
) -> GEPAResult:
    """Searches for better texts of a candidate, with the search of gepard. The arguments are those of `gepa.optimize`.

    `adapter` is any `GEPAAdapter`: its `evaluate` runs rows and its `make_reflective_dataset` tells what reflectors read. Its
    `propose_new_texts` is not used. `reflection_lm` is a function from a prompt to a text, or a `gepard.LM`. Without
    `acceptance_criterion`, the gate is gepard's own. `failure_score` and `perfect_score` are the ends of the range of the
    scores; the other new arguments are those of `gepard.dspy.GEPA`. Arguments that are missing here are refused by name.
    """
    refused = sorted(name for name, value in others.items() if value is not None)
    if refused:
        raise ValueError(f"gepard.gepa.optimize does not support {', '.join(refused)}")
    if adapter is None or reflection_lm is None or max_metric_calls is None:
        raise ValueError("adapter, reflection_lm and max_metric_calls must be given")
    if not seed_candidate or not trainset:
        raise ValueError("seed_candidate and trainset must not be empty")
    if getattr(adapter, "propose_new_texts", None) is not None:
        logger.warning("propose_new_texts of the adapter is not used: the search writes its own questions to reflection_lm")
    keys = {**_frontier(frontier_type, acceptance_criterion), **(settings or {})}
    options = Options(
        budget=max_metric_calls,
        seed=seed,
        minibatch=reflection_minibatch_size or 3,
        candidate_selection=_chosen("candidate_selection_strategy", candidate_selection_strategy, SELECTIONS),
        module_selection=_chosen("module_selector", module_selector, MODULES),
        merge=use_merge,
        max_merges=max_merge_invocations,
        settings=keys,
    )
    if run_dir is None:
        run_dir = tempfile.mkdtemp(prefix="gepard-")
        logger.info("the run is in %s; give it as run_dir to go on with it", run_dir)
    validation = trainset if valset is None else valset
    adapted = Adapted(adapter, trainset, validation, Scale(failure_score, perfect_score))
    found = search(
        [Component(name, text, ["input"], ["output"]) for name, text in seed_candidate.items()],
        [_row(row) for row in trainset],
        [_row(row) for row in validation],
        adapted.run,
        _reflector(reflection_lm, reflection_context),
        options,
        run_dir,
        on_event,
    )
    return _result(found, adapted, seed, track_best_outputs)


def _chosen(name: str, value: Any, known: Mapping[str, str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"gepard.gepa.optimize does not support {name}={value!r}; there are {', '.join(map(repr, known))}")
    return known[value]


def _frontier(frontier: str, criterion: Optional[str]) -> dict[str, Any]:
    keys = {"frontier": _chosen("frontier_type", frontier, FRONTIERS)}
    if criterion is not None:
        keys["gate"] = _chosen("acceptance_criterion", criterion, GATES)
    return keys


def _row(row: Any) -> Mapping[str, Any]:
    return row if isinstance(row, Mapping) else {"row": str(row)}


def _reflector(model: Any, context_length: int) -> Reflector:
    own = Reflector.in_process(model)
    if own is not None:
        return own
    if not callable(model):
        raise ValueError(f"reflection_lm={model!r} is not supported: give a function from a prompt to a text")

    def answer(messages: list, _: dict) -> str:
        return str(model("\n\n".join(message["content"] for message in messages)))

    name = getattr(model, "__qualname__", type(model).__qualname__)
    return Reflector(answer, identity=name, context_length=context_length)


def _result(found: Found, adapted: Adapted, seed: int, with_outputs: bool) -> GEPAResult:
    candidates, scale = found.pool.candidates, adapted.scale
    # The best of a result is the first with the highest mean, so that a mean over a part of the rows must not stand there.
    kept = [at for at, candidate in enumerate(candidates) if candidate.is_complete]
    order = sorted(kept, key=lambda at: at != found.summary.best_candidate)
    position = {at: new for new, at in enumerate(order)}
    subscores = [
        {row: scale.outward(score) for row, score in enumerate(candidates[at].scores) if score is not None} for at in order
    ]
    rows = range(len(adapted.val))
    best = {row: max((scores[row] for scores in subscores if row in scores), default=None) for row in rows}
    fronts = {row: {at for at, scores in enumerate(subscores) if row in scores and scores[row] == best[row]} for row in rows}
    outputs = {
        row: [(at, adapted.outputs.get((candidates[order[at]].key, row))) for at in sorted(fronts[row])]
        for row in rows
    }
    return GEPAResult(
        candidates=[dict(candidates[at].texts) for at in order],
        parents=[[position.get(parent) for parent in candidates[at].parents] or [None] for at in order],
        val_aggregate_scores=[scale.outward(candidates[at].mean) for at in order],
        val_subscores=subscores,
        per_val_instance_best_candidates=fronts,
        discovery_eval_counts=[candidates[at].rollouts for at in order],
        best_outputs_valset=outputs if with_outputs else None,
        total_metric_calls=found.summary.rollouts,
        num_full_val_evals=len(kept),
        run_dir=str(found.summary.run),
        seed=seed,
    )
