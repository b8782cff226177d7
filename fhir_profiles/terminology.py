"""Codes, value sets and their meaning, from the FHIR package beside this file.

A concept with a verified public code uses it; our own code system `epaccs` holds those for which none could be verified
and a reviewed list. Nothing is looked up outside.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from fhir_profiles.canonical import code_system
from fhir_profiles.errors import UnknownCode

PACKAGE = Path(__file__).parent / "package"

SNOMED: Final = "http://snomed.info/sct"
DMD: Final = "https://dmd.nhs.uk"
EPACCS: Final = code_system("epaccs")
SECTION: Final = code_system("section")

FOR_CPR: Final = "450475007"
NOT_FOR_CPR: Final = "450476008"
CPR_MODIFIED: Final = "cpr-modified"

_CPR_MEANING: Final = {
    (SNOMED, FOR_CPR): FOR_CPR,
    (SNOMED, NOT_FOR_CPR): NOT_FOR_CPR,
    (EPACCS, CPR_MODIFIED): CPR_MODIFIED,
    (SNOMED, "304252001"): FOR_CPR,
    (SNOMED, "304253006"): NOT_FOR_CPR,
    (SNOMED, "143021000119109"): NOT_FOR_CPR,
}


class Coding(msgspec.Struct, frozen=True):
    """A FHIR Coding: `system` and `code` say what is meant, `display` is for people."""

    system: str
    code: str
    display: str

    def as_json(self) -> dict[str, str]:
        """Return it as FHIR JSON."""
        return {"system": self.system, "code": self.code, "display": self.display}


def code(set_name: str, code: str) -> Coding:
    """Return the coding of `code` in a value set. Raises `UnknownCode`."""
    for coding in codings_of(set_name):
        if coding.code == code:
            return coding
    raise UnknownCode(f"{code} is not in the value set {set_name}")


def local(code: str) -> Coding:
    """Return the coding of `code` in our own code system. Raises `UnknownCode`."""
    display = _systems()[EPACCS].get(code)
    if display is None:
        raise UnknownCode(f"{code} is not in the code system epaccs")
    return Coding(EPACCS, code, display)


@cache
def codings_of(set_name: str) -> tuple[Coding, ...]:
    """Return the codings of a value set, in the order of the package. Raises `UnknownCode`."""
    try:
        resource = _read(f"ValueSet-{set_name}.json")
    except FileNotFoundError:
        raise UnknownCode(f"there is no value set {set_name}") from None
    return tuple(
        Coding(part["system"], concept["code"], concept["display"])
        for part in resource["compose"]["include"]
        for concept in part["concept"]
    )


@cache
def value_set(set_name: str) -> frozenset[tuple[str, str]]:
    """Return the (system, code) pairs of a value set. Raises `UnknownCode`."""
    return frozenset((coding.system, coding.code) for coding in codings_of(set_name))


@cache
def value_set_names() -> tuple[str, ...]:
    """Return the names of all value sets."""
    return tuple(sorted(path.stem.removeprefix("ValueSet-") for path in PACKAGE.glob("ValueSet-*.json")))


def display_of(system: str, code: str) -> str | None:
    """Return the words for a code that our terminology holds, else None."""
    return _systems().get(system, {}).get(code)


def cpr_meaning(system: str, code: str) -> str | None:
    """Return which CPR decision a coding states: `FOR_CPR`, `NOT_FOR_CPR`, `CPR_MODIFIED`, or None for no decision.

    Synonyms that other systems send are read as what they mean and are never written by us.
    """
    return _CPR_MEANING.get((system, code))


@cache
def _systems() -> dict[str, dict[str, str]]:
    displays: dict[str, dict[str, str]] = {}
    for path in PACKAGE.glob("CodeSystem-*.json"):
        resource = _read(path.name)
        displays[resource["url"]] = {concept["code"]: concept["display"] for concept in resource["concept"]}
    for name in value_set_names():
        for coding in codings_of(name):
            displays.setdefault(coding.system, {}).setdefault(coding.code, coding.display)
    return displays


def _read(name: str) -> dict[str, Any]:
    resource: dict[str, Any] = msgspec.json.decode((PACKAGE / name).read_bytes())
    return resource
