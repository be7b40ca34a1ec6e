"""The exceptions of gepard, a class for each exit code of the command line."""

from __future__ import annotations


class Error(Exception):
    """Any failure of gepard. Its text is the message that the command line prints."""

    exit_code = 1


class ConfigError(Error):
    """The task file or an argument is not valid, or the plan cannot be carried out."""

    exit_code = 2


class DataError(Error):
    """The data cannot be used."""

    exit_code = 3


class ModelError(Error):
    """A model file cannot be used, or a model failed."""

    exit_code = 4


class MetricError(Error):
    """The metric failed on too many rollouts, or cannot be used here."""

    exit_code = 5


class RunDirectoryError(Error):
    """The run directory cannot be used."""

    exit_code = 6


class Interrupted(Error, KeyboardInterrupt):
    """Ctrl-C stopped the run. Its journal is complete, and the same call goes on from there."""

    exit_code = 130
