"""The search for better texts of a program that runs in Python: what `gepard.dspy` and `gepard.gepa` have in common."""

from .job import Component, Demonstration, Job, Rollout, Step
from .judgement import BadScore, Judgement, Scale, judgement
from .pool import Candidate, Pool
from .reflector import Reflector
from .search import Found, Options, search

__all__ = [
    "BadScore",
    "Candidate",
    "Component",
    "Demonstration",
    "Found",
    "Job",
    "Judgement",
    "Options",
    "Pool",
    "Reflector",
    "Rollout",
    "Scale",
    "Step",
    "judgement",
    "search",
]
