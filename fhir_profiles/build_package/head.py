"""What every resource of the package says of itself."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

VERSION = "0.1.0"
HEAD: Json = {"version": VERSION, "status": "draft", "experimental": True, "publisher": "epaccs"}


def pascal(name: str) -> str:
    """Return the computer-friendly `name` of a resource from its id."""
    return "".join(part.capitalize() for part in name.split("-"))
