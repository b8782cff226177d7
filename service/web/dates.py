"""Dates as a small screen says them."""

from __future__ import annotations

import re

from service.plan.times import in_words

_MONTH = re.compile(r"\b(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?:uary|ruary|ch|il|e|y|ust|tember|ober|ember)\b")
_CLOCK = re.compile(r" at \d\d:\d\d$")


def short(when: str, *, clock: bool = False) -> str:
    """Return a FHIR date or time as `8 Nov 2026`, empty for none."""
    words = _MONTH.sub(r"\1", in_words(when) or "")
    return words if clock else _CLOCK.sub("", words)
