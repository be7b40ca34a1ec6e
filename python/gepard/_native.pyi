"""The native part of gepard. Values cross the border as JSON."""

from typing import Any, Callable, Optional

class Interrupt:
    """Interrupts a run."""

    def __init__(self) -> None: ...
    def set(self) -> None: ...
    def is_set(self) -> bool: ...

class Model:
    """A model in memory, on a thread of its own."""

    def __init__(self, task: str, window: float) -> None: ...
    def generate(self, request: str) -> str: ...
    def count_tokens(self, text: str) -> int: ...
    @property
    def context_length(self) -> int: ...
    @property
    def identity(self) -> str: ...

def name_launcher(path: str) -> bool: ...
def main(arguments: list[str]) -> int: ...
def build_features() -> str: ...
def optimize(
    task: str,
    folder: Optional[str],
    settings: list[str],
    interrupt: Interrupt,
    on_event: Optional[Callable[[str], None]] = None,
) -> str: ...
def evaluate(
    task: str,
    settings: list[str],
    candidate: str,
    split: str,
    limit: Optional[int],
    interrupt: Interrupt,
    on_event: Optional[Callable[[str], None]] = None,
) -> str: ...
def predict(
    subject: str,
    input: str,
    output: Optional[str],
    candidate: Optional[int],
    max_prompt_tokens: Optional[int],
    settings: list[str],
    interrupt: Interrupt,
    on_event: Optional[Callable[[str], None]] = None,
) -> str: ...
def optimize_own(
    task: str,
    folder: str,
    program: Callable[[str], str],
    reflector: Any,
    interrupt: Interrupt,
    on_event: Optional[Callable[[str], None]] = None,
) -> str: ...
def render_call(call: str) -> str: ...
def read_answer(call: str, answer: str) -> str: ...
def json_grammar(schema: str) -> str: ...
