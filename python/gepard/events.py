"""The events of a run."""

from __future__ import annotations

import json
from typing import Any, Callable, Optional

OnEvent = Callable[["Event"], None]


class Event(dict):
    """One thing that happened in a run: a dict whose keys docs/events.md lists, and whose key `event` names the kind.

    The keys are attributes as well: `event.spent` is `event["spent"]`.
    """

    @property
    def kind(self) -> str:
        """The kind of the event, such as `iteration` or `accepted`."""
        return self["event"]

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the event {self.get('event')} has no {name!r}") from None


def reader(on_event: Optional[OnEvent]) -> Optional[Callable[[str], None]]:
    """Returns a function that reads an event from JSON and calls `on_event` with it. None if there is nobody to call."""
    if on_event is None:
        return None
    return lambda text: on_event(Event(json.loads(text)))
