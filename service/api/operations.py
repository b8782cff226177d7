"""Operations (their names have a dollar sign): the emergency answer, the incident register and links for crews, a
writer's refused text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from fhir_profiles import json
from fhir_profiles.errors import InvalidJson, InvalidNhsNumber, InvalidOdsCode
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM, NhsNumber, OdsCode
from fhir_profiles.issues import Issue, error
from security.access_request import Basis, BreakGlass
from security.clock import instant
from service.api import answers, negotiation
from service.api.answers import Answer
from service.api.errors import BadParameter
from service.api.matching import Matching, particulars
from service.api.routing import Call
from service.plan.particulars import Particulars
from service.record.access import Caller, Echo
from service.record.break_glass import INTERACTION, EmergencyAccess
from service.record.crew_links import CrewLinks
from service.record.emergency import document
from service.record.errors import InvalidContent, Unparseable
from service.record.incidents import IncidentRegister
from service.record.kept import Kept
from service.record.read import Answered, EmergencySummary, ReadRecord
from service.record.urgent import Style

SMALL_BODY = 16 * 1024
LONGEST_REASON = 500
MOST_SENT = 20
"""People whom one incident names as its crew."""
_PATIENT = re.compile(r"Patient/[A-Za-z0-9.-]{1,64}")
CREW_LINK = "/crew/i/"
"""Where a link for a crew begins; `service.web` answers there."""


@dataclass(frozen=True, slots=True)
class Operations:
    """The handlers of the operations."""

    read_record: ReadRecord
    incidents: IncidentRegister
    links: CrewLinks
    emergency_access: EmergencyAccess
    kept: Kept
    style: Style
    matching: Matching
    base_url: str

    async def match(self, call: Call) -> Answer:
        """POST Patient/$match: `resource` (a Patient with what is known) in, a searchset of who may be meant out."""
        return await self.matching(call, await _parameters(call))

    async def emergency_summary(self, call: Call) -> Answer:
        """POST Patient/$emergency-summary: Parameters with `nhsNumber` or `patient` in, one document Bundle out."""
        parameters = await _parameters(call)
        if "patient" in parameters and "nhsNumber" not in parameters:
            return await self.summary_of(call.caller, _patient(parameters, "patient"))
        return await self.summary_of(call.caller, _nhs_number(parameters, "nhsNumber"))

    async def break_glass(self, call: Call) -> Answer:
        """POST Patient/$break-glass: `nhsNumber`, `birthDate`, `basis`, `reason`, `senior` in, emergency answer out.

        Its header Emergency-Access is what to send with what is read next.
        """
        parameters = await _parameters(call)
        number, born = _nhs_number(parameters, "nhsNumber"), _birth_date(parameters)
        asked = BreakGlass(
            basis=_basis(parameters),
            reason=_optional(parameters, "reason", LONGEST_REASON),
            senior=_optional(parameters, "senior", 200) or None,
        )
        now = call.caller.at or self.read_record.access.clock()
        question = EmergencySummary(number, now, self.style, interaction=INTERACTION)
        given = await self.emergency_access(call.caller, asked, Echo(number, born), question)
        answer = self._document(given.answered, now)
        answer.headers["Emergency-Access"] = given.grant
        answer.headers["Emergency-Access-Until"] = given.expires
        return answer

    async def under(self, caller: Caller, grant: str) -> Caller:
        """Return the caller as one who reads under emergency access that was given before."""
        return await self.emergency_access.under(caller, grant)

    async def summary_of(self, caller: Caller, whom: str) -> Answer:
        """Return the emergency answer about an NHS number or a `Patient/id`; the pages for crews are drawn from it."""
        now = caller.at or self.read_record.access.clock()
        number, reference = ("", whom) if whom.startswith("Patient/") else (whom, "")
        answered = await self.read_record(caller, EmergencySummary(number, now, self.style, reference))
        return self._document(answered, now)

    def _document(self, answered: Answered, now: datetime) -> Answer:
        return answers.document(
            answered.released,
            *document(answered, self.style, now),
            identifier=answered.decision.id,
            as_of=instant(now),
            version=answered.record.sequence,
        )

    async def open_incident(self, call: Call) -> Answer:
        """POST $open-incident: whom (`nhsNumber`, or `patient` with what is known), `organization` (the service that
        attends), `incident` (your number), `crew` (user ids of those who are sent; none: anybody of the service).
        """
        parameters = await _parameters(call, repeating="crew")
        whom: str | Particulars
        if "patient" in parameters and "nhsNumber" not in parameters:
            whom = particulars(parameters, "patient")
            whom = whom.nhs_number or whom
        else:
            whom = _nhs_number(parameters, "nhsNumber")
        organisation = _organisation(parameters, "organization")
        reference = _text(parameters, "incident")
        incident = await self.incidents.open(call.caller, whom, organisation, reference, _crew(parameters))
        return answers.parameters({"id": incident.id, "expires": incident.expires}, status=201)

    async def close_incident(self, call: Call) -> Answer:
        """POST $close-incident: `id` as $open-incident gave it."""
        parameters = await _parameters(call)
        incident = await self.incidents.close(call.caller, _text(parameters, "id"))
        return answers.parameters({"id": incident.id, "closed": incident.closed})

    async def crew_link(self, call: Call) -> Answer:
        """POST $crew-link: `id` as $open-incident gave it; the address to send to the crew."""
        parameters = await _parameters(call)
        link = await self.links.for_incident(call.caller, _text(parameters, "id"))
        found = {"url": f"{self.base_url}{CREW_LINK}{link.token}", "expires": link.expires}
        return answers.parameters(found, status=201)

    async def refused_text(self, call: Call) -> Answer:
        """GET $refused-text?id=...: what this client sent and was refused as stale, for 7 days."""
        kept_as = call.request.query_params.get("id", "")
        if not kept_as:
            raise BadParameter("Name the text with id, as the refusal did.")
        return answers.refused_text(await self.kept.refused(call.caller.principal, kept_as))


async def _parameters(call: Call, *, repeating: str = "") -> dict[str, dict[str, Any]]:
    """Return the Parameters of a body by name; raise for another resource, a missing name or one that comes twice.

    Of a `repeating` one all are in the `part` of what is returned.
    """
    negotiation.check_content_type(call.request)
    body = await negotiation.read_body(call.request, SMALL_BODY)
    try:
        decoded = json.decode(body)
    except InvalidJson as invalid:
        raise Unparseable(invalid.issues) from None
    found: dict[str, dict[str, Any]] = {}
    items = decoded.get("parameter", ())
    if decoded.get("resourceType") != "Parameters" or not isinstance(items, list | tuple):
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


def _text(parameters: dict[str, dict[str, Any]], name: str) -> str:
    item = parameters.get(name, {})
    value = item.get("valueString") or item.get("valueId") or item.get("valueCode")
    identifier = item.get("valueIdentifier")
    if value is None and isinstance(identifier, dict):
        value = identifier.get("value")
    if not isinstance(value, str) or not 0 < len(value) <= 256:
        raise InvalidContent([_missing(name)])
    return value


def _crew(parameters: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """Return the user ids of a crew, each once, in the order given."""
    sent = parameters.get("crew", {}).get("part", ())
    if len(sent) > MOST_SENT:
        raise InvalidContent([error("too-costly", _place("crew"), f"A crew has {MOST_SENT} people at most.")])
    return tuple(dict.fromkeys(_text({"crew": one}, "crew") for one in sent))


def _nhs_number(parameters: dict[str, dict[str, Any]], name: str) -> str:
    try:
        return NhsNumber(_identified(parameters, name, NHS_NUMBER_SYSTEM)).value
    except InvalidNhsNumber:
        text = "The NHS number does not have ten digits with a right check digit."
        raise InvalidContent([error("value", _place(name), text)]) from None


def _patient(parameters: dict[str, dict[str, Any]], name: str) -> str:
    """Return the reference `Patient/id` of a parameter, given as valueReference or valueString."""
    reference = parameters.get(name, {}).get("valueReference")
    stated = reference.get("reference") if isinstance(reference, dict) else parameters.get(name, {}).get("valueString")
    if not isinstance(stated, str) or not _PATIENT.fullmatch(stated):
        raise InvalidContent([error("value", _place(name), "Name the person as Patient/id.")])
    return stated


def _birth_date(parameters: dict[str, dict[str, Any]]) -> str:
    item = parameters.get("birthDate", {})
    stated = item.get("valueDate") or item.get("valueString")
    try:
        return date.fromisoformat(stated or "").isoformat()
    except (TypeError, ValueError):
        raise InvalidContent([error("value", _place("birthDate"), "Give the whole birth date, YYYY-MM-DD.")]) from None


def _basis(parameters: dict[str, dict[str, Any]]) -> Basis | None:
    """Return why glass is broken; None for what is no basis, which is refused and alerted like no word at all (4)."""
    item = parameters.get("basis", {})
    stated = item.get("valueCode") or item.get("valueString")
    return Basis(stated) if stated in list(Basis) else None


def _optional(parameters: dict[str, dict[str, Any]], name: str, longest: int) -> str:
    """Return a text that may be missing or empty."""
    value = parameters.get(name, {}).get("valueString", "")
    if not isinstance(value, str) or len(value) > longest:
        raise InvalidContent([error("value", _place(name), f"Give {name} as a text of at most {longest} characters.")])
    return value


def _organisation(parameters: dict[str, dict[str, Any]], name: str) -> str:
    try:
        return OdsCode(_identified(parameters, name, ODS_SYSTEM)).value
    except InvalidOdsCode:
        raise InvalidContent([error("value", _place(name), "This is not an ODS organisation code.")]) from None


def _identified(parameters: dict[str, dict[str, Any]], name: str, system: str) -> str:
    """Return an identifier given as valueIdentifier of this system, or as a plain valueString."""
    identifier = parameters.get(name, {}).get("valueIdentifier")
    if isinstance(identifier, dict) and identifier.get("system", system) != system:
        raise InvalidContent(
            [error("value", f"{_place(name)}.valueIdentifier.system", f"The system must be {system}.")]
        )
    return _text(parameters, name)


def _missing(name: str) -> Issue:
    return error("required", _place(name), f"Give the parameter {name} with 1 to 256 characters.")


def _place(name: str) -> str:
    return f"Parameters.parameter.where(name='{name}')"
