"""Whom and what a Subscription is about: its criteria, read. Pure.

Understood are one person or the caller's own caseload, and of them one type of resource or all:

    Observation?patient=Patient/[id]   Patient?_id=[id]   patient=Patient/[id]   Patient/[id]      one person
    Observation   Observation?   (nothing, beside the topic)                                       the caseload

They stand in `criteria` itself (R4), or in the extension backport-filter-criteria of a `criteria` that names our topic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fhir_profiles.r4 import SUPPORTED_TYPES

SENTENCE = (
    "These criteria are not understood. They are one person (Observation?patient=Patient/[id], Patient/[id]) or your "
    "caseload (Observation?, or our topic alone), without other parameters."
)
_ID = r"[A-Za-z0-9.-]{1,64}"
_PERSON = re.compile(
    rf"(?:(?P<type>[A-Z][A-Za-z]{{1,40}})\?)?(?:patient|subject)=Patient/(?P<id>{_ID})"
    rf"|(?P<patient>Patient)\?_id=(?P<whole>{_ID})"
    rf"|Patient/(?P<bare>{_ID})"
)
_CASELOAD = re.compile(r"(?P<type>[A-Z][A-Za-z]{1,40})\??")


class NotUnderstood(ValueError):
    """Criteria that nothing here can follow; nothing is guessed."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """`patient` is `Patient/id`, '' for everybody of the caseload; `type` a resource type, '' for all."""

    patient: str = ""
    type: str = ""

    def fits(self, references: Iterable[str]) -> list[str]:
        """Return those references (`Type/id`) that are of the type."""
        return [one for one in references if self.type in ("", one.partition("/")[0])]


def read_criteria(text: str) -> Criteria:
    """Read criteria; raise NotUnderstood."""
    if person := _PERSON.fullmatch(text):
        id = person["id"] or person["whole"] or person["bare"]
        return Criteria(f"Patient/{id}", _known(person["type"] or person["patient"] or ""))
    if caseload := _CASELOAD.fullmatch(text):
        return Criteria("", _known(caseload["type"]))
    raise NotUnderstood


def _known(type: str) -> str:
    if type and type not in SUPPORTED_TYPES:
        raise NotUnderstood
    return type
