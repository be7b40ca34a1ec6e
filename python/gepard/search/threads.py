"""Runs calls on threads, of which none can hold up the rest for ever."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Sequence
from typing import Callable, Generic, Optional, TypeVar

from .. import _native

T = TypeVar("T")

#: The seconds between two looks for an interruption and for calls that take too long.
LOOK = 0.05


class Stopped(Exception):
    """The run was interrupted while calls were running."""


class _Board(Generic[T]):
    """Which calls are taken, running and done. Whoever changes it holds the condition."""

    def __init__(self, count: int):
        self.changed = threading.Condition()
        self.count = count
        self.taken = 0
        self.results: dict[int, T] = {}
        self.started: dict[int, float] = {}
        self.failure: Optional[BaseException] = None


def run_all(
    calls: Sequence[Callable[[], T]],
    threads: int,
    interrupt: _native.Interrupt,
    timeout: Optional[float],
    when_late: Callable[[], T],
    context: contextvars.Context,
) -> list[T]:
    """Makes all calls, on at most so many threads at once, and returns their results in order.

    A call that takes more than `timeout` seconds gets the result of `when_late`; its thread is left behind and does not keep the
    process alive. An exception of a call is raised here. Raises `Stopped` if the run is interrupted, without waiting for calls.
    """
    board: _Board[T] = _Board(len(calls))

    def work() -> None:
        while True:
            with board.changed:
                if board.taken == board.count or board.failure is not None:
                    return
                index = board.taken
                board.taken += 1
                board.started[index] = time.monotonic()
            try:
                result = contexts[index].run(calls[index])
            except BaseException as failure:
                with board.changed:
                    board.failure = board.failure or failure
                    board.changed.notify_all()
                return
            with board.changed:
                is_late = index in board.results
                board.results.setdefault(index, result)
                board.started.pop(index, None)
                board.changed.notify_all()
                if is_late:
                    # Another thread has taken the place of this one.
                    return

    contexts = [context.copy() for _ in calls]
    for _ in range(min(threads, len(calls))):
        _start(work)
    with board.changed:
        while len(board.results) < board.count:
            if board.failure is not None:
                raise board.failure
            if interrupt.is_set():
                # Calls that have not begun are not begun.
                board.taken = board.count
                raise Stopped("the run was interrupted")
            for index in _late(board, timeout):
                board.results[index] = when_late()
                board.started.pop(index)
                _start(work)
            if len(board.results) < board.count:
                board.changed.wait(LOOK)
    return [board.results[index] for index in range(board.count)]


def _start(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="gepard rollout", daemon=True).start()


def _late(board: _Board[T], timeout: Optional[float]) -> list[int]:
    if timeout is None:
        return []
    now = time.monotonic()
    return [index for index, began in board.started.items() if now - began > timeout]
