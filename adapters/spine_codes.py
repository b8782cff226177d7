"""The codes by which Spine services say what is wrong: in an OperationOutcome, as codings of an issue's details.

Their code system is spelt in several ways, so only the code counts.
"""

from __future__ import annotations

import re

from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


def codes_of(body: bytes) -> frozenset[str]:
    """Return the codes of an answer's OperationOutcome; none for anything else."""
    try:
        outcome = decode(body)
        found = [
            coding["code"]
            for issue in outcome.get("issue", ())
            for coding in issue.get("details", {}).get("coding", ())
            if "code" in coding
        ]
    except (InvalidJson, AttributeError, TypeError):
        return frozenset()
    return frozenset(code for code in found if isinstance(code, str) and _CODE.fullmatch(code))
