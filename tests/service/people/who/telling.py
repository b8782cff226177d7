"""How tests of shares tell what they counted: shown with `pytest -s`."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Write a line for whoever wants to see the figures."""
    sys.stdout.write(f"{text}\n")
