"""Operations (their names have a dollar sign): the emergency answer, the incident register and links for crews, a
writer's refused text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from security.access_request import BreakGlass
from security.clock import instant
from service.api import answers
from service.api.answers import Answer
from service.api.errors import BadParameter
from service.api.incident_asked import CREW, incident_asked
from service.api.matching import Matching
from service.api.parameters import (
    basis,
    birth_date,
    nhs_number,
    optional,
    read_parameters,
    text,
    whom,
)
from service.api.routing import Call
from service.record.access import Caller, Echo
from service.record.break_glass import INTERACTION, EmergencyAccess
from service.record.crew_links import CrewLinks
from service.record.emergency import document
from service.record.incidents import IncidentRegister
from service.record.kept import Kept
from service.record.read import Answered, EmergencySummary, Question, ReadRecord
from service.record.sources import Sources
from service.record.urgent import Style

LONGEST_REASON = 500
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
    sources: Sources

    async def match(self, call: Call) -> Answer:
        """POST Patient/$match: `resource` (a Patient with what is known) in, a searchset of who may be meant out."""
        return await self.matching(call, await read_parameters(call))

    async def emergency_summary(self, call: Call) -> Answer:
        """POST Patient/$emergency-summary: Parameters with `nhsNumber` or `patient` in, one document Bundle out."""
        parameters = await read_parameters(call)
        return await self.summary_of(call.caller, whom(parameters))

    async def break_glass(self, call: Call) -> Answer:
        """POST Patient/$break-glass: `nhsNumber`, `birthDate`, `basis`, `reason`, `senior` in, emergency answer out.

        Its header Emergency-Access is what to send with what is read next.
        """
        parameters = await read_parameters(call)
        number, born = nhs_number(parameters, "nhsNumber"), birth_date(parameters)
        asked = BreakGlass(
            basis=basis(parameters),
            reason=optional(parameters, "reason", LONGEST_REASON),
            senior=optional(parameters, "senior", 200) or None,
        )
        now = call.caller.at or self.read_record.access.clock()
        question = EmergencySummary(number, now, self.style, interaction=INTERACTION)
        given = await self.emergency_access(call.caller, asked, Echo(number, born), question)
        answer = self._document(given.answered, now)
        answer.headers["Emergency-Access"] = given.grant
        answer.headers["Emergency-Access-Until"] = given.expires
        return answer

    async def emergency_grant(self, caller: Caller, asked: BreakGlass, echo: Echo) -> str:
        """Break glass as $break-glass does, for a page that draws the answer by the grant; return the grant."""
        now = caller.at or self.read_record.access.clock()
        question = EmergencySummary(echo.nhs_number, now, self.style, interaction=INTERACTION)
        return (await self.emergency_access(caller, asked, echo, question)).grant

    async def under(self, caller: Caller, grant: str) -> Caller:
        """Return the caller as one who reads under emergency access that was given before."""
        return await self.emergency_access.under(caller, grant)

    async def summary_of(self, caller: Caller, person: str) -> Answer:
        """Return the emergency answer about an NHS number or a `Patient/id`; the pages for crews are drawn from it."""
        now = caller.at or self.read_record.access.clock()
        number, reference = ("", person) if person.startswith("Patient/") else (person, "")
        return await self.answer_to(caller, EmergencySummary(number, now, self.style, reference), now)

    async def answer_to(self, caller: Caller, question: Question, now: datetime) -> Answer:
        """Return the emergency answer about whom a question finds, which must be one for it."""
        return self._document(await self.read_record(caller, question), now)

    def _document(self, answered: Answered, now: datetime) -> Answer:
        return answers.document(
            answered.released,
            *document(answered, self.style, now, self.sources),
            identifier=answered.decision.id,
            as_of=instant(now),
            version=answered.record.sequence,
        )

    async def open_incident(self, call: Call) -> Answer:
        """POST $open-incident: whom (`nhsNumber`, or `patient` with what is known), `organization` (the service that
        attends), `incident` (your number), `crew` (user ids of those who are sent; none: anybody of the service).
        """
        asked = incident_asked(await read_parameters(call, repeating=CREW))
        incident = await self.incidents.open(call.caller, asked.whom, asked.organisation, asked.reference, asked.crew)
        return answers.parameters({"id": incident.id, "expires": incident.expires}, status=201)

    async def close_incident(self, call: Call) -> Answer:
        """POST $close-incident: `id` as $open-incident gave it."""
        parameters = await read_parameters(call)
        incident = await self.incidents.close(call.caller, text(parameters, "id"))
        return answers.parameters({"id": incident.id, "closed": incident.closed})

    async def crew_link(self, call: Call) -> Answer:
        """POST $crew-link: `id` as $open-incident gave it; the address to send to the crew."""
        parameters = await read_parameters(call)
        link = await self.links.for_incident(call.caller, text(parameters, "id"))
        found = {"url": f"{self.base_url}{CREW_LINK}{link.token}", "expires": link.expires}
        return answers.parameters(found, status=201)

    async def refused_text(self, call: Call) -> Answer:
        """GET $refused-text?id=...: what this client sent and was refused as stale, for 7 days."""
        kept_as = call.request.query_params.get("id", "")
        if not kept_as:
            raise BadParameter("Name the text with id, as the refusal did.")
        return answers.refused_text(await self.kept.refused(call.caller.principal, kept_as))
