"""Scopes: SMART v2 system scopes on FHIR types, and the few actions of this service that are not FHIR interactions.

`system/Patient.rs` allows read and search of Patient, `system/*.cruds` everything on every type. A scope says what a
client may try; what it gets is decided later, by role, relationship and consent. Search parameters inside a scope
(`?category=...`) are not supported: such a scope is not a scope here, so that nobody believes it narrows anything.
"""

from __future__ import annotations

import re
from functools import lru_cache

from security.errors import ScopeMissing

INCIDENT_WRITE = "epaccs/incident.write"
DIRECTORY_WRITE = "epaccs/directory.write"
OPERATIONS_READ = "epaccs/operations.read"
OPERATIONS_WRITE = "epaccs/operations.write"
ACTIONS = frozenset({INCIDENT_WRITE, DIRECTORY_WRITE, OPERATIONS_READ, OPERATIONS_WRITE})

_SMART = re.compile(r"system/(\*|[A-Z][A-Za-z]{1,60})\.(?=.)(c?r?u?d?s?)")


def is_scope(text: str) -> bool:
    """Say whether `text` is one scope that this service understands."""
    return text in ACTIONS or _SMART.fullmatch(text) is not None


def parse_scopes(text: str) -> frozenset[str]:
    """Split a space-separated scope parameter (RFC 6749 section 3.3). Nothing is checked."""
    return frozenset(text.split(" ")) - {""}


def covers(held: frozenset[str], asked: str) -> bool:
    """Say whether the scopes `held` include everything that the scope `asked` would allow."""
    if asked in held:
        return True
    match = _SMART.fullmatch(asked)
    return match is not None and set(match[2]) <= _letters(held, match[1])


def permits(held: frozenset[str], resource_type: str, interaction: str) -> bool:
    """Say whether `held` allows `interaction` (one of `c r u d s`) on a FHIR type."""
    return interaction in _letters(held, resource_type)


def require(held: frozenset[str], resource_type: str, interaction: str) -> None:
    """Raise ScopeMissing unless `held` allows `interaction` (one of `c r u d s`) on a FHIR type (rule 2.1)."""
    if interaction not in _letters(held, resource_type):
        raise ScopeMissing(f"system/{resource_type}.{interaction}")


def require_action(held: frozenset[str], action: str) -> None:
    """Raise ScopeMissing unless the action scope (one of `ACTIONS`) is held."""
    if action not in held:
        raise ScopeMissing(action)


@lru_cache(maxsize=1024)
def _letters(held: frozenset[str], resource_type: str) -> frozenset[str]:
    """Return the interactions that `held` allows on a type; for `*`, those allowed on every type."""
    found = (_SMART.fullmatch(scope) for scope in held)
    return frozenset("".join(match[2] for match in found if match and match[1] in ("*", resource_type)))
