"""A person as the Personal Demographics Service knows them, read defensively from its Patient. Pure.

Source: the PDS FHIR R4 API. A field that was not said is empty: of a restricted person PDS leaves out address,
telephone and practice, which says nothing of what they are. What cannot be understood is Unintelligible, and never
read as the harmless case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from adapters.base import Resource
from adapters.errors import Unintelligible
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM, is_nhs_number, is_ods_code

DEATH_STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeathNotificationStatus"
_LABELS = frozenset(
    {
        "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
        "https://www.hl7.org/fhir/valueset-security-labels.html",
    }
)
"""Systems under which PDS has stamped whether a person is restricted."""
_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")
_DATE_TIME = re.compile(
    r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))?)?)?"
)
_USES = ("usual", "official")
_STRUCTURE = "the Patient does not have the structure of FHIR"


@dataclass(frozen=True, slots=True)
class PdsPerson:
    """What PDS says of a person now.

    `asked` is the NHS number that was asked for and `nhs_number` the one that they have; they differ where it was
    `superseded`. `sflag` is `U`, `R` (restricted) or `V` (very restricted, or of a word that is not known).
    `birth_date` is a FHIR date, `died` a FHIR dateTime. `death_status` is `1` informal, `2` formal, `U` removed, ''
    where PDS says nothing of a death. `gp_ods` is the practice that they are registered with now, '' where PDS names
    none, or more than one. `version` is that of their entry in PDS.
    """

    asked: str = field(repr=False)
    nhs_number: str = field(repr=False)
    superseded: bool
    sflag: str
    family: str = field(repr=False)
    given: tuple[str, ...] = field(repr=False)
    birth_date: str = field(repr=False)
    died: str = field(repr=False)
    death_status: str
    gp_ods: str = field(repr=False)
    version: str


def person_of(patient: Resource, asked: str) -> PdsPerson:
    """Return the person whom a Patient of PDS is; `asked` is the number that was asked for, '' for a trace.

    Raise Unintelligible for one that does not say who it is, or whether their whereabouts are protected.
    """
    try:
        number = _number(patient)
        family, given = _name(patient)
        return PdsPerson(
            asked=asked or number,
            nhs_number=number,
            superseded=bool(asked) and number != asked,
            sflag=_sflag(patient),
            family=family,
            given=given,
            birth_date=_matching(_DATE, patient.get("birthDate", "")),
            died=_matching(_DATE_TIME, patient.get("deceasedDateTime", "")),
            death_status=_death_status(patient),
            gp_ods=_practice(patient),
            version=_text(patient["meta"].get("versionId", "")),
        )
    except (AttributeError, KeyError, TypeError):
        raise Unintelligible(_STRUCTURE) from None


def _number(patient: Resource) -> str:
    if patient["resourceType"] != "Patient":
        raise Unintelligible("the answer is no Patient")
    number = patient["id"]
    said = {one["value"] for one in patient.get("identifier", ()) if one.get("system") == NHS_NUMBER_SYSTEM}
    if not is_nhs_number(number) or not said <= {number}:
        raise Unintelligible("the Patient has no NHS number, or two")
    return str(number)


def _sflag(patient: Resource) -> str:
    codes = {one.get("code") for one in patient["meta"].get("security", ()) if one.get("system") in _LABELS}
    if not codes:
        raise Unintelligible("the Patient does not say whether the person is restricted")
    if not codes <= {"U", "R"}:
        return "V"  # REDACTED too, which PDS has for those of whom nothing may be known
    return "R" if "R" in codes else "U"


def _name(patient: Resource) -> tuple[str, tuple[str, ...]]:
    names = [one for one in patient.get("name", ()) if not _ended(one)]
    best = next((one for use in _USES for one in names if one.get("use") == use), None)
    if best is None:
        return "", ()
    return _text(best.get("family", "")), tuple(_text(one) for one in best.get("given", ()))


def _death_status(patient: Resource) -> str:
    codes = {code for one in patient.get("extension", ()) if one["url"] == DEATH_STATUS for code in _codes(one)}
    if not codes:
        return ""
    if len(codes) > 1 or not codes <= {"1", "2", "U"}:
        raise Unintelligible("the Patient's death notification has a status that is not known")
    return codes.pop()


def _codes(element: Any) -> Iterator[str]:
    """Yield every `code`, whether it stands in the extension or, as PDS nests it, in an extension of that."""
    if isinstance(element, dict):
        if isinstance(element.get("code"), str):
            yield element["code"]
        for value in element.values():
            yield from _codes(value)
    elif isinstance(element, list):
        for value in element:
            yield from _codes(value)


def _practice(patient: Resource) -> str:
    named = {
        one["identifier"]["value"]
        for one in patient.get("generalPractitioner", ())
        if one.get("identifier", {}).get("system") == ODS_SYSTEM and not _ended(one["identifier"])
    }
    if len(named) != 1 or not is_ods_code(code := named.pop()):
        return ""
    return str(code)


def _ended(element: Resource) -> bool:
    return "end" in element.get("period", {})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unintelligible(_STRUCTURE)
    return value


def _matching(form: re.Pattern[str], value: object) -> str:
    text = _text(value)
    if text and form.fullmatch(text) is None:
        raise Unintelligible("the Patient has a date that is not one")
    return text
