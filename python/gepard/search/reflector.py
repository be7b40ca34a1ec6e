"""The model that reflects: any callable model of Python, as an engine."""

from __future__ import annotations

import contextvars
import json
from typing import Any, Callable, Optional

from .. import _native
from .threads import run_all

#: What is asked of a model: the chat, and the settings of the request. It returns the answer.
Answer = Callable[[list, dict], str]


class Reflector:
    """Answers the requests to reflectors. The native part calls it; its attributes are what an engine is asked."""

    def __init__(
        self,
        answer: Answer,
        *,
        identity: str,
        context_length: int = 32768,
        count_tokens: Optional[Callable[[str], int]] = None,
        follows_grammars: bool = False,
        threads: int = 1,
    ):
        self.answer = answer
        self.identity = identity
        self.context_length = context_length
        self.follows_grammars = follows_grammars
        self.threads = threads
        self.interrupt = _native.Interrupt()
        self.context = contextvars.copy_context()
        self._count = count_tokens

    @classmethod
    def in_process(cls, model: Any, threads: int = 1) -> Optional[Reflector]:
        """Returns the reflector over a `gepard.LM`, whose model runs in this process; None for any other model."""
        own = getattr(model, "gepard_model", None)
        if own is None:
            return None
        return cls(
            model.answer,
            identity=own.identity,
            context_length=own.context_length,
            count_tokens=own.count_tokens,
            follows_grammars=True,
            threads=threads,
        )

    def count_tokens(self, text: str) -> int:
        """Returns the number of tokens of a text: the model's own, or an estimate of four bytes each."""
        return self._count(text) if self._count else (len(text.encode()) + 3) // 4

    def generate(self, requests: str) -> str:
        """Answers a list of requests, both in the JSON of the journal. An exception of the model ends the run."""

        def call(request: dict) -> Callable[[], str]:
            settings = {**request["decoding"], "seed": request["seed"]}
            return lambda: self.answer(request["messages"], settings)

        asked = json.loads(requests)
        calls = [call(request) for request in asked]
        texts = run_all(calls, self.threads, self.interrupt, None, str, self.context)
        return json.dumps([self._completion(request, text) for request, text in zip(asked, texts)])

    def _completion(self, request: dict, text: str) -> dict[str, Any]:
        read = sum(self.count_tokens(message["content"]) for message in request["messages"])
        usage = {"prefilled": read, "unique": read, "reused": 0, "decoded": self.count_tokens(text)}
        return {"text": text, "ended": "stop", "usage": usage}
