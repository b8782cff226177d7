"""Changes of sharing Consents, as tests of sync need them."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_profiles.identifiers import ODS_SYSTEM
from service.record.changes import Change
from tests.service.record.house import update
from tests.service.sync.world import World

_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"


async def refusal(opened: World, references: Sequence[str], organisation: str, version: int = 1) -> Change:
    """Return the change by which the sharing Consent among `references` refuses one organisation."""
    consent = await sharing_consent(opened, references)
    said = await opened.house.read(consent)
    actor = {
        "role": {"coding": [{"system": _PARTICIPATION, "code": "IRCP"}]},
        "reference": {"type": "Organization", "identifier": {"system": ODS_SYSTEM, "value": organisation}},
    }
    provision = {"type": "permit", "provision": [{"type": "deny", "actor": [actor]}]}
    moment = opened.time.now.isoformat()
    return update(consent, version, {**said, "dateTime": moment, "provision": provision})


async def permission(opened: World, references: Sequence[str], version: int) -> Change:
    """Return the change by which it permits everybody again."""
    consent = await sharing_consent(opened, references)
    said = await opened.house.read(consent)
    return update(consent, version, {**said, "dateTime": opened.time.now.isoformat(), "provision": {"type": "permit"}})


async def sharing_consent(opened: World, references: Sequence[str]) -> str:
    """Return the reference of the sharing Consent."""
    for reference in references:
        if reference.startswith("Consent/"):
            scope = (await opened.house.read(reference))["scope"]["coding"][0]["code"]
            if scope == "patient-privacy":
                return reference
    raise AssertionError("the person has a sharing Consent")
