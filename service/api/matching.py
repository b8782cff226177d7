"""Patient/$match: who may be meant (https://hl7.org/fhir/R4/patient-operation-match.html).

`resource` is a Patient with what is known; partial birth dates, nicknames and addresses count. `onlyCertainMatches` and
`count` are the standard's. `birthYearWithin` is ours: by how many years the year of birth may be off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from fhir_profiles.errors import InvalidNhsNumber
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, NhsNumber
from fhir_profiles.issues import error
from fhir_profiles.validation import validate
from service.api import answers
from service.api.answers import Answer
from service.api.routing import Call
from service.plan.particulars import Particulars, of_patient
from service.record.errors import InvalidContent
from service.record.find import MOST_SHOWN, FindPeople, Household

MOST_YEARS_OFF = 10


@dataclass(frozen=True, slots=True)
class Matching:
    """The handler of `$match`."""

    find_people: FindPeople
    base: str

    async def __call__(self, call: Call, parameters: dict[str, dict[str, Any]]) -> Answer:
        """Answer with a searchset of Patients, each with its grade and score; empty when nobody may be shown."""
        asked = particulars(parameters, "resource")
        years_off = _number(parameters, "birthYearWithin", 0, MOST_YEARS_OFF)
        asked = msgspec.structs.replace(asked, years_off=years_off)
        most = _number(parameters, "count", MOST_SHOWN, MOST_SHOWN)
        certain_only = parameters.get("onlyCertainMatches", {}).get("valueBoolean") is True
        candidates = (await self.find_people(call.caller, asked, certain_only=certain_only)).people
        around = Household() if candidates else await self.find_people.at_address(call.caller, asked)
        return answers.matches(candidates[:most], self.base, around)


def particulars(parameters: dict[str, dict[str, Any]], name: str) -> Particulars:
    """Read the Patient of a parameter; raise InvalidContent with everything that is wrong with it."""
    place = f"Parameters.parameter.where(name='{name}')"
    patient = parameters.get(name, {}).get("resource")
    if not isinstance(patient, dict) or patient.get("resourceType") != "Patient":
        raise InvalidContent([error("required", place, f"Give a Patient as the resource of the parameter {name}.")])
    issues = validate(patient)
    if issues:
        raise InvalidContent(issues)
    found = of_patient(patient)
    if found.nhs_number:
        try:
            number = NhsNumber(found.nhs_number).value
        except InvalidNhsNumber:
            text = "The NHS number does not have ten digits with a right check digit."
            where = f"{place}.resource.identifier.where(system='{NHS_NUMBER_SYSTEM}')"
            raise InvalidContent([error("value", where, text)]) from None
        found = msgspec.structs.replace(found, nhs_number=number)
    return found


def _number(parameters: dict[str, dict[str, Any]], name: str, default: int, most: int) -> int:
    item = parameters.get(name)
    if item is None:
        return default
    values = [value for key, value in item.items() if key in ("valueInteger", "valuePositiveInt", "valueUnsignedInt")]
    if len(values) != 1 or type(values[0]) is not int or not values[0] >= 0:
        text = f"The parameter {name} is a whole number from 0 to {most}."
        raise InvalidContent([error("value", f"Parameters.parameter.where(name='{name}')", text)])
    return min(values[0], most)
