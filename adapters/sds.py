"""Where a practice's system is, and by which number the Spine knows it: the Spine Directory Service's FHIR API, R4.

Asked by the practice's ODS code, which comes from PDS; nothing of anybody is in a question. What is not there, or there
more than once, is said and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

from adapters.answers import refuse
from adapters.errors import NotThere, ReportedIssue, Unintelligible
from adapters.http import HttpClient
from fhir_profiles.errors import InvalidJson
from fhir_profiles.identifiers import ODS_SYSTEM
from fhir_profiles.json import decode
from security.clock import Clock

ASID_SYSTEM = "https://fhir.nhs.uk/Id/nhsSpineASID"
INTERACTION_SYSTEM = "https://fhir.nhs.uk/Id/nhsServiceInteractionId"
PARTY_KEY_SYSTEM = "https://fhir.nhs.uk/Id/nhsMhsPartyKey"
KEPT = timedelta(hours=1)
"""How long an answer is used again: practices move to other systems now and then, by night."""
_ASID = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class SpineSystem:
    """A system of a practice: its ASID, and the base address of its FHIR server."""

    asid: str
    base: str


@dataclass(slots=True)
class SpineDirectory:
    """Asks it. `key` is our API key there."""

    http: HttpClient
    base: str
    key: str = field(repr=False)
    clock: Clock
    within: float = 30.0
    _known: dict[tuple[str, str], tuple[datetime, SpineSystem]] = field(default_factory=dict)

    async def system_of(self, organisation: str, interaction: str) -> SpineSystem:
        """Return the system by which an organisation (ODS code) answers an interaction; raise NotThere if none."""
        asked, now = (organisation, interaction), self.clock()
        known = self._known.get(asked)
        if known is not None and now - known[0] < KEPT:
            return known[1]
        device = await self._one("Device", organisation, (INTERACTION_SYSTEM, interaction))
        asid, party = _identifier(device, ASID_SYSTEM), _identifier(device, PARTY_KEY_SYSTEM)
        if not _ASID.fullmatch(asid) or not party:
            raise Unintelligible("the directory names a system without its numbers")
        endpoint = await self._one(
            "Endpoint", organisation, (INTERACTION_SYSTEM, interaction), (PARTY_KEY_SYSTEM, party)
        )
        found = SpineSystem(asid, _address(endpoint))
        self._known[asked] = (now, found)
        return found

    async def _one(self, kind: str, organisation: str, *identifiers: tuple[str, str]) -> Mapping[str, Any]:
        search = "&".join(
            f"{name}={quote(f'{system}|{value}', safe='')}"
            for name, system, value in (
                ("organization", ODS_SYSTEM, organisation),
                *(("identifier", system, value) for system, value in identifiers),
            )
        )
        headers = {"Accept": "application/fhir+json", "apikey": self.key, "X-Request-ID": str(uuid4())}
        answer = await self.http.send("GET", f"{self.base}/{kind}?{search}", headers=headers, within=self.within)
        if answer.status != 200:
            refuse(answer)
        found = list(_resources(answer.body, kind))
        if len(found) != 1:
            code = "not-found" if not found else "multiple-matches"
            raise NotThere((ReportedIssue("error", code, (kind,)),))
        return found[0]


def _resources(body: bytes, kind: str) -> Iterator[Mapping[str, Any]]:
    try:
        bundle = decode(body)
        entries = (
            [entry["resource"] for entry in bundle.get("entry", ())] if bundle["resourceType"] == "Bundle" else None
        )
    except (InvalidJson, KeyError, TypeError, AttributeError):
        entries = None
    if entries is None:
        raise Unintelligible("the answer of the directory is no Bundle")
    yield from (one for one in entries if isinstance(one, dict) and one.get("resourceType") == kind)


def _identifier(resource: Mapping[str, Any], system: str) -> str:
    listed = resource.get("identifier")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("system") == system:
            return str(one.get("value", ""))
    return ""


def _address(endpoint: Mapping[str, Any]) -> str:
    address = str(endpoint.get("address", "")).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise Unintelligible("the directory names an address that is none")
    return address
