"""The parameters of an operation: a FHIR Parameters resource in, plain values out (https://hl7.org/fhir/R4/parameters.html).

Each reader raises InvalidContent with the place of what is wrong, and never with what was sent.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from fhir_profiles import json
from fhir_profiles.errors import InvalidJson, InvalidNhsNumber, InvalidOdsCode
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM, NhsNumber, OdsCode
from fhir_profiles.issues import Issue, error
from security.access_request import Basis
from service.api import negotiation
from service.api.routing import Call
from service.record.errors import InvalidContent, Unparseable

Parameters = dict[str, dict[str, Any]]
"""The parameters of a body by name."""

SMALL_BODY = 16 * 1024
MOST_SENT = 20
"""People whom one incident names as its crew."""
_PATIENT = re.compile(r"Patient/[A-Za-z0-9.-]{1,64}")
_EVENT = re.compile(r"AuditEvent/[A-Za-z0-9.-]{1,64}")


async def read_parameters(call: Call, *, repeating: str = "") -> Parameters:
    """Return the Parameters of a body by name; raise for another resource, a missing name or one that comes twice.

    Of a `repeating` one all are in the `part` of what is returned.
    """
    negotiation.check_content_type(call.request)
    body = await negotiation.read_body(call.request, SMALL_BODY)
    try:
        decoded = json.decode(body)
    except InvalidJson as invalid:
        raise Unparseable(invalid.issues) from None
    return parameters_of(decoded, repeating=repeating)


def parameters_of(decoded: object, *, repeating: str = "") -> Parameters:
    """Return the parameters of a decoded Parameters resource, as `read_parameters` does."""
    found: Parameters = {}
    items = decoded.get("parameter", ()) if isinstance(decoded, dict) else None
    if (
        not isinstance(decoded, dict)
        or decoded.get("resourceType") != "Parameters"
        or not isinstance(items, list | tuple)
    ):
        raise Unparseable([error("structure", "", "The body must be a Parameters resource.")])
    for item in items:
        name = item.get("name") if isinstance(item, dict) else None
        if name and name == repeating:
            found.setdefault(name, {"part": []})["part"].append(item)
            continue
        if not isinstance(name, str) or name in found:
            raise Unparseable(
                [error("structure", "Parameters.parameter", "Each parameter has a name, and comes once.")]
            )
        found[name] = item
    return found


def text(parameters: Parameters, name: str) -> str:
    """Return a text that must be there, of 1 to 256 characters; the value of an Identifier counts."""
    item = parameters.get(name, {})
    value = item.get("valueString") or item.get("valueId") or item.get("valueCode")
    identifier = item.get("valueIdentifier")
    if value is None and isinstance(identifier, dict):
        value = identifier.get("value")
    if not isinstance(value, str) or not 0 < len(value) <= 256:
        raise InvalidContent([_missing(name)])
    return value


def crew(parameters: Parameters) -> tuple[str, ...]:
    """Return the user ids of a crew, each once, in the order given."""
    sent = parameters.get("crew", {}).get("part", ())
    if len(sent) > MOST_SENT:
        raise InvalidContent([error("too-costly", place("crew"), f"A crew has {MOST_SENT} people at most.")])
    return tuple(dict.fromkeys(text({"crew": one}, "crew") for one in sent))


def nhs_number(parameters: Parameters, name: str) -> str:
    """Return an NHS number."""
    try:
        return NhsNumber(_identified(parameters, name, NHS_NUMBER_SYSTEM)).value
    except InvalidNhsNumber:
        wrong = "The NHS number does not have ten digits with a right check digit."
        raise InvalidContent([error("value", place(name), wrong)]) from None


def whom(parameters: Parameters) -> str:
    """Return whom a question is about: an NHS number (`nhsNumber`), or the reference `Patient/id` (`patient`)."""
    if "patient" in parameters and "nhsNumber" not in parameters:
        return patient(parameters, "patient")
    return nhs_number(parameters, "nhsNumber")


def patient(parameters: Parameters, name: str) -> str:
    """Return the reference `Patient/id` of a parameter, given as valueReference or valueString."""
    return _reference(parameters, name, _PATIENT, "Name the person as Patient/id.")


def event(parameters: Parameters, name: str) -> str:
    """Return the reference `AuditEvent/id` of a parameter, given as valueReference or valueString."""
    return _reference(parameters, name, _EVENT, "Name the entry of the log as AuditEvent/id.")


def birth_date(parameters: Parameters) -> str:
    """Return `birthDate`, a whole day."""
    item = parameters.get("birthDate", {})
    stated = item.get("valueDate") or item.get("valueString")
    try:
        return date.fromisoformat(stated or "").isoformat()
    except (TypeError, ValueError):
        raise InvalidContent([error("value", place("birthDate"), "Give the whole birth date, YYYY-MM-DD.")]) from None


def basis(parameters: Parameters) -> Basis | None:
    """Return why glass is broken; None for what is no basis, which is refused and alerted like no word at all (4)."""
    item = parameters.get("basis", {})
    stated = item.get("valueCode") or item.get("valueString")
    return Basis(stated) if stated in list(Basis) else None


def optional(parameters: Parameters, name: str, longest: int) -> str:
    """Return a text that may be missing or empty."""
    value = parameters.get(name, {}).get("valueString", "")
    if not isinstance(value, str) or len(value) > longest:
        raise InvalidContent([error("value", place(name), f"Give {name} as a text of at most {longest} characters.")])
    return value


def organisation(parameters: Parameters, name: str) -> str:
    """Return an organisation's ODS code."""
    try:
        return OdsCode(_identified(parameters, name, ODS_SYSTEM)).value
    except InvalidOdsCode:
        raise InvalidContent([error("value", place(name), "This is not an ODS organisation code.")]) from None


def _identified(parameters: Parameters, name: str, system: str) -> str:
    """Return an identifier given as valueIdentifier of this system, or as a plain valueString."""
    identifier = parameters.get(name, {}).get("valueIdentifier")
    if isinstance(identifier, dict) and identifier.get("system", system) != system:
        raise InvalidContent([error("value", f"{place(name)}.valueIdentifier.system", f"The system must be {system}.")])
    return text(parameters, name)


def _missing(name: str) -> Issue:
    return error("required", place(name), f"Give the parameter {name} with 1 to 256 characters.")


def place(name: str) -> str:
    """Return the FHIRPath of a parameter."""
    return f"Parameters.parameter.where(name='{name}')"


def _reference(parameters: Parameters, name: str, form: re.Pattern[str], what: str) -> str:
    reference = parameters.get(name, {}).get("valueReference")
    stated = reference.get("reference") if isinstance(reference, dict) else parameters.get(name, {}).get("valueString")
    if not isinstance(stated, str) or not form.fullmatch(stated):
        raise InvalidContent([error("value", place(name), what)])
    return stated
