"""A resource without anything that tells where the person is, for callers to whom location is closed (rule 5.6).

Pure: one resource in, a copy of it out, or None where nothing of it may leave. Addresses, telecoms, organisations and
places go by what they are, whatever element they stand in; local identifiers, foreign addresses and extensions that
nobody here knows go because nobody can tell what they say; every text that is left is masked (`plan.mask`). What is
left is valid FHIR: where an element must be there, it says that its value is masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_profiles import json
from fhir_profiles.sections import Section, section_of
from service.plan.elements import Resource
from service.plan.mask import Mask
from service.plan.neutral import (
    PLACING_EXTENSIONS,
    is_address,
    is_attachment,
    is_known_extension,
    is_neutral,
    may_stay,
)
from service.plan.places import ORGANISATION_ELEMENTS, PLACE_TYPES, names_a_place

MASKED_LABEL = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "MASKED",
    "display": "masked",
}
"""Says of an entry that words were taken out of its texts, so that a person looks at it."""
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_HIDDEN_SECTIONS = frozenset({Section.LOCATION, Section.ACCESS_DETAILS})
_DROPPED = ORGANISATION_ELEMENTS | frozenset(
    """address telecom photo signature position valueAddress valueContactPoint valueContactDetail hospitalization
    locationReference locationCode implicitRules instantiatesUri""".split()
)
_ATTACHMENTS = frozenset("attachment valueAttachment contentAttachment sourceAttachment presentedForm".split())
_REFERENCE = frozenset("reference type identifier display id extension _reference _type _display".split())
_WHOLE_WITH = frozenset({"who", "actor", "other"})
"""Members without which what holds them says nothing."""
_CODES = frozenset({"code", "valueCode", "valueId", "linkId"})
_NO_TEXT = frozenset(
    """id resourceType system url profile reference versionId lastUpdated language use family given prefix suffix status
    type contentType hash data valueOid valueUuid valueDate valueDateTime valueInstant valueTime date birthDate start
    end recorded issued authoredOn dateTime""".split()
)
_DROP: Any = object()


def masked(resource: Resource, mask: Mask, *, attachments: bool = False) -> dict[str, Any] | None:
    """Return a copy of a resource that places nobody; None for one that is a place, or is held back whole.

    `mask` is that of everything the record knows of places. `attachments`: they were made by somebody who knew of the
    protection, and stay, without where else they lie.
    """
    kind = resource.get("resourceType")
    if kind in PLACE_TYPES or section_of(dict(resource)) in _HIDDEN_SECTIONS:
        return None
    masking = _Masking(mask, attachments, _places_contained(resource))
    found = masking.members(resource, str(kind))
    if found is _DROP or (kind == "Provenance" and "target" not in found):
        return None
    if kind == "Provenance" and "agent" not in found:
        found["agent"] = [{"who": _absent()}]
    if kind == "Composition" and "author" not in found:
        found["author"] = [_absent()]
    if "contained" in found:
        _only_referred_to(found)
    if masking.took_words:
        meta = found.setdefault("meta", {})
        meta["security"] = [*meta.get("security", ()), MASKED_LABEL]
    result: dict[str, Any] = found
    return result


class _Masking:
    def __init__(self, mask: Mask, attachments: bool, dropped: frozenset[str]) -> None:
        self._mask = mask
        self._attachments = attachments
        self._dropped = dropped
        self.took_words = False

    def members(self, value: Mapping[str, Any], kind: str = "") -> Any:
        """Return an object without what places; nothing of it where nothing is left."""
        found: dict[str, Any] = {}
        for name, item in value.items():
            key = name.removeprefix("_")
            if self._goes(key, kind):
                continue
            left = self._value(item, key)
            if left is not _DROP:
                found[name] = left
            elif name in _WHOLE_WITH:
                return _DROP
            elif name in ("reference", "attachment") and isinstance(item, dict):
                found[name] = _absent()
        return found or _DROP

    def _goes(self, key: str, kind: str) -> bool:
        return (
            key in _DROPPED
            or (key == "name" and kind == "CareTeam")
            or (key == "source" and kind == "meta")
            or (key == "text" and kind[:1].isupper())
        )

    def _value(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            return self._string(value, key)
        if isinstance(value, list):
            left = [one for item in value if (one := self._value(item, key)) is not _DROP]
            return left if any(one is not None for one in left) else _DROP
        return self._object(value, key) if isinstance(value, dict) else value

    def _string(self, text: str, key: str) -> Any:
        if is_address(text):
            return text if is_neutral(text) else _DROP
        if key in _CODES:
            return _DROP if self._mask.knows(text) else text
        if key in _NO_TEXT or key.endswith("DateTime") or text.startswith("urn:"):
            return text
        left = self._mask(text)
        self.took_words = self.took_words or left != text
        return left

    def _object(self, value: dict[str, Any], key: str) -> Any:
        if key in ("extension", "modifierExtension"):
            return self._extension(value, key)
        if key == "contained":
            inside = masked(value, self._mask, attachments=self._attachments)
            return _DROP if inside is None else inside
        if key in _ATTACHMENTS or is_attachment(value):
            kept = {name: item for name, item in value.items() if name != "url"}
            return self.members(kept, key) if self._attachments else _DROP
        if not may_stay(value, key):
            return _DROP
        if key != "coding" and value.keys() <= _REFERENCE and value.keys() & {"reference", "identifier", "display"}:
            return self._reference(value, key)
        return self.members(value, key)

    def _extension(self, value: dict[str, Any], key: str) -> Any:
        url = str(value.get("url", ""))
        if url in PLACING_EXTENSIONS or (is_address(url) and key == "extension" and not is_known_extension(url)):
            return _DROP
        # A modifier that nobody knows stays, its texts masked: without it the entry would say something else.
        left = self.members({name: item for name, item in value.items() if name != "url"}, key)
        return _DROP if left is _DROP else {"url": url, **left}

    def _reference(self, value: dict[str, Any], key: str) -> Any:
        literal = str(value.get("reference", "") if isinstance(value.get("reference"), str) else "")
        if names_a_place(value, key) or literal in self._dropped:
            return _DROP
        if "://" in literal:
            value, literal = {name: item for name, item in value.items() if name != "reference"}, ""
        if not literal and "type" not in value and "identifier" not in value:
            return _DROP  # words alone: nobody can tell whether they name a person or a place
        return self.members(value, key)


def _places_contained(resource: Resource) -> frozenset[str]:
    return frozenset(
        f"#{one.get('id', '')}"
        for one in resource.get("contained", ())
        if isinstance(one, dict) and (one.get("resourceType") in PLACE_TYPES or section_of(one) in _HIDDEN_SECTIONS)
    )


def _only_referred_to(resource: dict[str, Any]) -> None:
    """Leave out contained resources to which nothing refers any more; FHIR has none (dom-3)."""
    kept = resource.pop("contained")
    while True:
        text = json.encode([resource, kept])
        left = [one for one in kept if b'"#%s"' % str(one.get("id", "")).encode() in text]
        if len(left) == len(kept):
            break
        kept = left
    if kept:
        resource["contained"] = kept


def _absent() -> dict[str, Any]:
    return {"extension": [{"url": _ABSENT, "valueCode": "masked"}]}
