"""How large a record may grow. Beyond a limit a write is refused in plain words; nothing is cut off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes; `resources` counts the current ones of a record."""

    record: int
    attachment: int
    resources: int
