"""The codes by which Spine services say what is wrong: in an OperationOutcome, as codings of an issue's details.

Their code system is spelt in several ways, so only the code counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


def codes_of(body: bytes) -> frozenset[str]:
    """Return the codes of an answer's OperationOutcome; none for anything else."""
    try:
        outcome = decode(body)
    except InvalidJson:
        return frozenset()
    return codes_in(outcome)


def codes_in(outcome: Mapping[str, Any]) -> frozenset[str]:
    """Return the codes of an OperationOutcome that was decoded; none for what is none."""
    try:
        found = [
            coding["code"]
            for issue in outcome.get("issue", ())
            for coding in issue.get("details", {}).get("coding", ())
            if "code" in coding
        ]
    except (AttributeError, TypeError):
        return frozenset()
    return frozenset(code for code in found if isinstance(code, str) and _CODE.fullmatch(code))
