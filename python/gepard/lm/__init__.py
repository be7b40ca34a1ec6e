"""`LM`: a GGUF file as a language model of DSPy, in this process."""

try:
    import dspy as _dspy  # noqa: F401
except ImportError as error:
    raise ImportError("gepard.LM needs DSPy: pip install 'gepard[dspy]'") from error

from .engine import InProcess
from .model import LM

__all__ = ["LM", "InProcess"]
