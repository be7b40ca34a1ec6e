"""gepard for programs of DSPy: `GEPA` with the arguments of `dspy.GEPA`, and `PlainAdapter` for small models."""

try:
    import dspy as _dspy  # noqa: F401
except ImportError as error:
    raise ImportError("gepard.dspy needs DSPy: pip install 'gepard[dspy]'") from error

from .adapter import PlainAdapter
from .optimizer import GEPA
from .result import GEPAResult

__all__ = ["GEPA", "GEPAResult", "PlainAdapter"]
