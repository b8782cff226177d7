"""Order of two ends of a Period or Range, which may be known to different precision."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any


class InOrder:
    """The schema keyword `in-order: [first, last]`: the first element is not after the last.

    Ends that cannot be compared (a year against a time in another zone, other units, malformed) are let pass: other
    rules speak of them.
    """

    def __init__(self, parent_schema: dict[str, Any], value: list[str], schema_path: list[str | int]) -> None:
        self._first, self._last = value

    def validate(self, instance: Any) -> None:
        """Raise `ValueError` where the ends are out of order."""
        if not isinstance(instance, dict) or self._first not in instance or self._last not in instance:
            return
        if is_after(instance[self._first], instance[self._last]):
            raise ValueError("out of order")


def is_after(first: Any, last: Any) -> bool:
    """Tell whether `first` is certainly after `last`: two FHIR dateTimes, or two Quantities of one unit."""
    if isinstance(first, str) and isinstance(last, str):
        return _time_after(first, last)
    if isinstance(first, dict) and isinstance(last, dict):
        if any(first.get(key) != last.get(key) for key in ("system", "code", "unit")):
            return False
        low, high = first.get("value"), last.get("value")
        return isinstance(low, int | float | Decimal) and isinstance(high, int | float | Decimal) and low > high
    return False


def _time_after(first: str, last: str) -> bool:
    if "T" in first and "T" in last:
        try:
            return datetime.fromisoformat(first) > datetime.fromisoformat(last)
        except (ValueError, TypeError):
            return False
    shared = min(len(first.partition("T")[0]), len(last.partition("T")[0]))
    return first[:shared] > last[:shared]
