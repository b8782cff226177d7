"""A problem found in something sent to us, in FHIR's own terms (OperationOutcome.issue)."""

from __future__ import annotations

import msgspec


class Issue(msgspec.Struct, frozen=True, order=True):
    """One problem: `code` is a FHIR IssueType, `expression` the FHIRPath of the place (empty: the whole body).

    `text` is one plain sentence for a developer. It never holds anything that was sent: neither a value nor a name that
    FHIR does not define.
    """

    severity: str
    code: str
    expression: str
    text: str


def error(code: str, expression: str, text: str) -> Issue:
    """Return an `Issue` of severity `error`."""
    return Issue("error", code, expression, text)
