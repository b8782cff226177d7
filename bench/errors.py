"""Facts that end a benchmark without a result."""

from __future__ import annotations


class BenchFailed(Exception):
    """What was to be measured did not happen: a tool is missing, a service did not start, an answer was not 200."""
