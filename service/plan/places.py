"""The places that a record knows: addresses, telephones, organisations, ways in, now or before (rule 5.6).

`places_in` gathers them from resources as words that can be kept with the record; `plan.mask` finds them again in free
text, however they are spaced, marked or abbreviated there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from fhir_profiles.canonical import structure_definition
from fhir_profiles.identifiers import ODS_SYSTEM
from fhir_profiles.sections import Section, section_of
from service.plan.elements import Resource
from service.plan.place_words import BUILDINGS, CODE, KNOWN_DIGITS, NOWHERE, words_of
from service.plan.placing import plain_digits

PLACE_TYPES = frozenset({"Organization", "Location", "HealthcareService", "Endpoint"})
"""Resources that are places: of who asks for a protected person they are not released at all."""
WAYS_IN = frozenset({structure_definition("key-safe"), structure_definition("access-to-home")})
ORGANISATION_ELEMENTS = frozenset(
    """managingOrganization onBehalfOf custodian assigner organization serviceProvider participatingOrganization
    generalPractitioner issuer location healthcareService endpoint destination""".split()
)
"""Elements that name an organisation or a place, whatever the reference in them says."""


class Places(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a record knows of places: `words` as plain small words, `numbers` as digits, `codes` that open doors."""

    words: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()

    def with_(self, *others: Places) -> Places:
        """Return these places and the others', each once."""
        every = (self, *others)
        return Places(
            tuple(dict.fromkeys(word for one in every for word in one.words)),
            tuple(dict.fromkeys(number for one in every for number in one.numbers)),
            tuple(dict.fromkeys(code for one in every for code in one.codes)),
        )


def places_in(resources: Iterable[Resource], organisations: Iterable[str] = ()) -> Places:
    """Return the places that resources tell of, and these organisations' codes."""
    gathering = _Gathering()
    for code in organisations:
        gathering.name(code)
    for resource in resources:
        gathering.read(resource)
    words = dict.fromkeys(word for word in gathering.words if word not in gathering.people)
    return Places(tuple(words), tuple(dict.fromkeys(gathering.numbers)), tuple(dict.fromkeys(gathering.codes)))


class _Gathering:
    def __init__(self) -> None:
        self.words: list[str] = []
        self.numbers: list[str] = []
        self.codes: list[str] = []
        self.people: set[str] = set()

    def read(self, resource: Resource) -> None:
        kind = resource.get("resourceType")
        if kind in PLACE_TYPES or kind == "CareTeam":
            for name in (resource.get("name"), *resource.get("alias", ())):
                self.name(name)
        section = section_of(dict(resource)) if kind not in PLACE_TYPES else None
        if section in (Section.LOCATION, Section.ACCESS_DETAILS):
            self._said(resource, ways_in=section is Section.ACCESS_DETAILS)
        source = (resource.get("meta") or {}).get("source")
        if isinstance(source, str) and source.startswith(f"{ODS_SYSTEM}/"):
            self.name(source.removeprefix(f"{ODS_SYSTEM}/").partition("#")[0])
        self._walk(resource, "")

    def name(self, name: object) -> None:
        """Take the name or code of an organisation or place: whole, and without the words that say what it is."""
        words = words_of(name)
        self._add(words)
        core = words
        while core and core[0] in BUILDINGS:
            core = core[1:]
        while core and core[-1] in BUILDINGS:
            core = core[:-1]
        if core != words and (len(core) > 1 or (core and len(core[0]) > 4)):
            self._add(core)

    def _line(self, line: object) -> None:
        """Take a line of an address: whole, and without the number of the house."""
        self.name(line)
        words = words_of(line)
        while words and (words[0][0].isdigit() or words[0] in ("flat", "apartment", "unit", "no")):
            words = words[1:]
        self._add(words)

    def _add(self, words: list[str]) -> None:
        if len(words) == 1 and (len(words[0]) < 3 or words[0].isdigit()):
            return
        if any(word not in NOWHERE and len(word) > 1 for word in words):
            self.words.append(" ".join(words))

    def _walk(self, value: Any, key: str) -> None:
        if isinstance(value, list):
            for item in value:
                self._walk(item, key)
        if not isinstance(value, dict):
            return
        if key == "contained":
            self.read({**value, "contained": []})
            return
        self._object(value, key)
        for name, item in value.items():
            if isinstance(item, dict | list):
                self._walk(item, name)

    def _object(self, value: Mapping[str, Any], key: str) -> None:
        if key == "telecom" or key == "valueContactPoint":
            self._telecom(str(value.get("value", "")))
        elif "line" in value or "postalCode" in value or key in ("address", "valueAddress"):
            self._address(value)
        elif value.get("system") == ODS_SYSTEM:
            self.name(value.get("value", value.get("code")))
        elif value.get("url") in WAYS_IN:
            self._said(value, ways_in=True)
        elif names_a_place(value, key):
            self.name(value.get("display"))
        elif key == "name":
            self.people.update(words_of(value.get("family")))
            self.people.update(word for given in value.get("given", ()) for word in words_of(given))

    def _telecom(self, value: str) -> None:
        digits = "".join(one for one in plain_digits(value) if one.isdigit())
        if len(digits) >= KNOWN_DIGITS and "@" not in value:
            self.numbers.append(digits)
        elif not value.isdigit():
            self._add(words_of(value))

    def _address(self, value: Mapping[str, Any]) -> None:
        lines = value.get("line")
        for line in lines if isinstance(lines, list) else ():
            for part in str(line).split(","):
                self._line(part)
        for part in re.split(r"[,\n;]", str(value.get("text", ""))):
            self._line(part)
        for element in ("city", "district", "state"):
            self._line(value.get(element))
        postcode = words_of(value.get("postalCode"))
        self._add(postcode)
        if len(postcode) == 2:
            self._add(["".join(postcode)])
            if len(postcode[0]) > 3:
                self._add(postcode[:1])

    def _said(self, value: Mapping[str, Any], *, ways_in: bool) -> None:
        """Take every text below an element that tells only of where somebody is, or how to get in."""
        for key, item in value.items():
            if key in ("text", "meta", "subject", "code", "category", "performer"):
                continue
            for text in _texts(item, key):
                for part in re.split(r"[,\n;.]", text):
                    self._line(part)
                if ways_in:
                    self.codes += CODE.findall(text)


def names_a_place(reference: Mapping[str, Any], key: str) -> bool:
    """Tell whether a Reference leads to an organisation or a place, or stands where only those stand."""
    literal, kind = reference.get("reference"), reference.get("type")
    stated = literal.partition("/")[0] if isinstance(literal, str) else ""
    identifier = reference.get("identifier")
    system = identifier.get("system") if isinstance(identifier, Mapping) else None
    return (
        stated in PLACE_TYPES
        or (isinstance(kind, str) and kind in PLACE_TYPES)
        or system == ODS_SYSTEM
        or (key in ORGANISATION_ELEMENTS and "display" in reference)
    )


def _texts(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, str):
        if key not in ("url", "system", "code", "reference", "status", "id", "resourceType", "use"):
            yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, key)
