"""gepard for any program with an adapter of the package `gepa`."""

try:
    import gepa as _gepa  # noqa: F401
except ImportError as error:
    raise ImportError("gepard.gepa needs the package gepa: pip install 'gepard[gepa]'") from error

from .optimize import optimize

__all__ = ["optimize"]
