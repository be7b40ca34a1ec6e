"""The candidates of a search, gathered from its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Optional

from ..events import Event
from .job import Demonstration


@dataclass(frozen=True)
class Candidate:
    """A candidate of the pool. Scores are in [0, 1]."""

    #: The text of each component, by its name in the program.
    texts: Mapping[str, str]
    #: The indices of its parents in the pool; empty for the seed.
    parents: list[int]
    mean: float
    #: The score on each validation row; None where it was not scored.
    scores: list[Optional[float]]
    objectives: dict[str, float]
    #: Whether it was run on all validation rows. Only then can it be the best.
    is_complete: bool
    #: The rollouts that the search had charged when the candidate joined.
    rollouts: int
    #: The key under which the journal has its rollouts.
    key: str
    #: The worked examples of each component. They are known once the run is finished.
    demonstrations: Mapping[str, Sequence[Demonstration]] = field(default_factory=dict)


class Pool:
    """All candidates, in the order in which they joined. It is a listener of a run."""

    def __init__(self, names: Mapping[str, str]):
        self.candidates: list[Candidate] = []
        self._components = {module: component for component, module in names.items()}

    def hear(self, event: Event) -> None:
        """Adds the candidate of an event `accepted`. A resumed run repeats its events, so that the pool is whole."""
        if event.kind != "accepted":
            return
        candidate = Candidate(
            texts={self._components[module]: text for module, text in event.instructions},
            parents=event.parents,
            mean=event.mean,
            scores=event.scores,
            objectives=event.objectives,
            is_complete=event.complete,
            rollouts=event.spent,
            key=event.key,
        )
        self.candidates.append(candidate)

    def add_demonstrations(self, of_candidates: Sequence[Mapping[str, Sequence[Demonstration]]]) -> None:
        """Adds the worked examples of all candidates, in the order of the pool."""
        pairs = zip(self.candidates, of_candidates)
        self.candidates = [replace(candidate, demonstrations=shown) for candidate, shown in pairs]
