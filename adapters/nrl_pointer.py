"""A pointer of the National Record Locator as we make it, and what we know of one that is there. Pure.

It says of a person their NHS number and nothing else: no name, no address, no word of what the plan holds. Its URL is
made of settings and the keyed id that stands for the person for this partner alone. The plan behind it is made when it
is asked for (content stability `dynamic`), so that a change of the plan changes nothing here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.base import Resource
from adapters.errors import Unintelligible
from adapters.nrl_settings import NrlSettings
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM
from fhir_profiles.json import encode
from fhir_profiles.terminology import SNOMED

_ENGLAND = "https://fhir.nhs.uk/England"
_ASID_SYSTEM = "https://fhir.nhs.uk/Id/nhsSpineASID"
_CARE_PLAN = {"system": SNOMED, "code": "734163000", "display": "Care plan"}
_FORMAT = {
    "system": f"{_ENGLAND}/CodeSystem/England-NRLFormatCode",
    "code": "urn:nhs-ic:unstructured",
    "display": "Unstructured Document",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where pointers of one plan stand: about whom, of which type, owned by which organisation."""

    number: str = field(repr=False)
    organisation: str
    type: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """A pointer as it shall be. `digest` stands for all of `body` but the time at which it was first made."""

    place: Place
    url: str
    body: Resource = field(repr=False)
    digest: bytes

    @property
    def created(self) -> str:
        """When the plan behind it was first pointed at (FHIR instant)."""
        return _created(self.body)


@dataclass(frozen=True, slots=True)
class Found:
    """A pointer of ours that is there, as a search answered it."""

    id: str
    url: str
    updated: str
    body: Resource = field(repr=False)

    @property
    def created(self) -> str:
        """When it was first made, as it says itself."""
        return _created(self.body)


def pointer_of(settings: NrlSettings, number: str, address: str, created: str) -> Pointer:
    """Return the pointer to a person's plan. `created` is a FHIR instant, `address` as in `adapters.base.Parcel`."""
    url = f"ssp://{settings.address}/{address}"
    coding = {"system": SNOMED, "code": settings.type, "display": settings.display}
    practice = settings.practice_setting
    body: Resource = {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [coding]},
        "category": [{"coding": [_CARE_PLAN]}],
        "subject": {"identifier": {"system": NHS_NUMBER_SYSTEM, "value": number}},
        "author": [_organisation(settings.author or settings.organisation)],
        "custodian": _organisation(settings.organisation),
        "content": [
            {
                "attachment": {"contentType": "application/pdf", "url": url, "creation": created},
                "format": _FORMAT,
                "extension": _extensions(settings),
            }
        ],
        "context": {
            "practiceSetting": {"coding": [{"system": SNOMED, "code": practice.code, "display": practice.display}]},
            "related": [{"identifier": {"system": _ASID_SYSTEM, "value": settings.asid}}],
        },
    }
    digest = hashlib.sha256(encode(_timeless(body))).digest()[:16]
    return Pointer(Place(number, settings.organisation, settings.type), url, body, digest)


def replacing(body: Resource, old: str) -> Resource:
    """Return a pointer that, when it is made, takes the place of the one with the id `old`."""
    target = {"type": "DocumentReference", "identifier": {"value": old}}
    return {**body, "relatesTo": [{"code": "replaces", "target": target}]}


def is_as(found: Found, pointer: Pointer) -> bool:
    """Say whether a pointer that is there says what it shall say; when it was made, and what NRL added, aside."""
    there = {name: found.body.get(name) for name in pointer.body}
    return _timeless(there) == _timeless(pointer.body)


def ours_among(bundle: Resource, place: Place, urls: Collection[str]) -> list[Found]:
    """Return the pointers of a search that are ours, by place and URL, the newest last.

    What the same organisation publishes otherwise has other URLs and is not touched. Raise Unintelligible for an answer
    that is no such search, or is about anybody else.
    """
    try:
        if bundle["resourceType"] != "Bundle":
            raise Unintelligible("the answer to a search is not a Bundle")
        resources = [entry["resource"] for entry in bundle.get("entry", ())]
        pointers = [one for one in resources if one["resourceType"] == "DocumentReference"]
        if any(one["subject"]["identifier"]["value"] != place.number for one in pointers):
            raise Unintelligible("the answer to a search is about somebody else")
        found = [
            Found(str(one["id"]), url, str(one.get("meta", {}).get("lastUpdated", "")), one)
            for one in pointers
            if (url := one["content"][0]["attachment"]["url"]) in urls
            and one["custodian"]["identifier"]["value"] == place.organisation
            and any(coding.get("code") == place.type for coding in one["type"]["coding"])
        ]
    except (AttributeError, IndexError, KeyError, TypeError):
        raise Unintelligible("a pointer that was found does not have the structure of one") from None
    return sorted(found, key=lambda one: (one.updated, one.id))


def _organisation(code: str) -> Resource:
    return {"identifier": {"system": ODS_SYSTEM, "value": code}}


def _extensions(settings: NrlSettings) -> list[Resource]:
    words = [("ContentStability", "dynamic", "Dynamic")]
    if settings.retrieval:
        words.append(("NRLRetrievalMechanism", "SSP", "Spine Secure Proxy"))
    return [_extension(*one) for one in words]


def _extension(name: str, code: str, display: str) -> Resource:
    system = f"{_ENGLAND}/CodeSystem/England-NRL{name.removeprefix('NRL')}"
    return {
        "url": f"{_ENGLAND}/StructureDefinition/Extension-England-{name}",
        "valueCodeableConcept": {"coding": [{"system": system, "code": code, "display": display}]},
    }


def _created(body: Resource) -> str:
    return str(body["content"][0]["attachment"].get("creation", ""))


def _timeless(body: Mapping[str, Any]) -> Resource:
    content = [
        {**one, "attachment": {name: value for name, value in one["attachment"].items() if name != "creation"}}
        for one in body["content"]
    ]
    return {**body, "content": content}
