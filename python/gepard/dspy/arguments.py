"""The arguments of `dspy.GEPA`: which of them apply, and what they mean to the search."""

from __future__ import annotations

from typing import Any, Optional, Union

SELECTIONS = {"pareto": "pareto", "current_best": "current-best"}
MODULES = {"round_robin": "round-robin", "all": "all"}

#: Arguments that cannot apply: the value that means nothing, and why another one is refused.
REFUSED = {
    "instruction_proposer": (None, "the search writes its own questions to reflection_lm"),
    "code_proposer": (None, "only instructions are searched for"),
    "use_wandb": (False, "nothing leaves this machine; give on_event a function that logs what you need"),
    "wandb_api_key": (None, "nothing leaves this machine"),
    "wandb_init_kwargs": (None, "nothing leaves this machine"),
    "use_mlflow": (False, "nothing leaves this machine; give on_event a function that logs what you need"),
    "gepa_kwargs": (None, "the package gepa is not used; `settings` replaces keys of [optimize] in a task file"),
    "skip_perfect_score": (True, "an iteration whose minibatch is solved has nothing to reflect on, and is always skipped"),
}


def refuse(name: str, value: Any) -> None:
    """Raises `ValueError` if an argument that cannot apply has a value."""
    nothing, why = REFUSED[name]
    if value != nothing and value:
        raise ValueError(f"gepard.dspy.GEPA does not support {name}: {why}")
    if value is False and nothing is True:
        raise ValueError(f"gepard.dspy.GEPA does not support {name}=False: {why}")


def chosen(name: str, value: Any, known: dict[str, str]) -> str:
    """Returns the setting that a named choice stands for. Raises `ValueError` for another one."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"gepard.dspy.GEPA does not support {name}={value!r}; there are {', '.join(map(repr, known))}")
    return known[value]


def check_budget(auto: Optional[str], full: Optional[int], calls: Optional[int]) -> None:
    """Raises `ValueError` unless exactly one budget is given, in one of its forms."""
    if [auto, full, calls].count(None) != 2:
        raise ValueError(
            "exactly one of max_metric_calls, max_full_evals and auto must be given; "
            f"there are max_metric_calls={calls}, max_full_evals={full}, auto={auto!r}"
        )
    if auto is not None and auto not in ("light", "medium", "heavy"):
        raise ValueError(f"auto={auto!r}: there are 'light', 'medium' and 'heavy'")


def budget(auto: Optional[str], full: Optional[int], calls: Optional[int], rows: int) -> Union[int, str]:
    """Returns the budget of the search in rollouts, or its name. `rows` are all training and validation rows."""
    if auto is not None:
        return auto
    return full * rows if full is not None else int(calls or 0)
