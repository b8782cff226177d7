"""The partner kind `gp-connect`: a person's practice, asked once for what fills a plan (Access Record: Structured).

Whether it is the person's practice, PDS says; where its system is, the Spine Directory Service says. Nothing is
guessed, and nothing is ever sent there. The question goes through the Spine Secure Proxy, with our certificate, and
says on whose behalf.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from adapters import gp_connect_answer
from adapters.answers import refuse
from adapters.base import Arrived, Message, Parcel, Polled, Receipt, Whom
from adapters.errors import ContentRefused, PersonUnknown, ReportedIssue
from adapters.http import Answer, HttpClient
from adapters.mapping import Mapping as Dialect
from adapters.sds import SpineDirectory
from adapters.spine_codes import codes_of
from adapters.spine_jwt import AuditToken
from fhir_profiles import json
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM

INTERACTION = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"
_OPERATION = "Patient/$gpc.getstructuredrecord"
_DISSENT = frozenset({"NO_PATIENT_CONSENT", "NO_ORGANISATION_CONSENT"})
"""The person, or the practice, does not share the record: no fault of ours, and nothing to be tried again."""
_UNKNOWN = frozenset({"PATIENT_NOT_FOUND"})
"""Also for who died or moved: PDS has to be asked again."""


@dataclass(slots=True)
class GpConnect:
    """One practice, of the ODS code `organisation`. `practice_of` says the code of a person's practice, by NHS number.

    `proxy` is the address of the Spine Secure Proxy, `asid` our own number; `release` lets go of what says so.
    """

    http: HttpClient
    directory: SpineDirectory
    organisation: str
    practice_of: Callable[[str], Awaitable[str]]
    proxy: str
    asid: str
    token: AuditToken = field(repr=False)
    dialect: Dialect
    within: float
    release: Callable[[], Awaitable[None]]
    only_asked: bool = True

    async def of_person(self, whom: Whom, theirs: str = "") -> Sequence[Message]:
        """Ask the practice, if it is the person's; `theirs` is not needed. Raise OtherPerson, PersonUnknown, ..."""
        if await self.practice_of(whom.nhs_number) != self.organisation:
            return ()
        system = await self.directory.system_of(self.organisation, INTERACTION)
        headers = {
            "Accept": "application/fhir+json;charset=utf-8",
            "Content-Type": "application/fhir+json;charset=utf-8",
            "Authorization": f"Bearer {self.token.for_provider(system.base)}",
            "Ssp-TraceID": str(uuid4()),
            "Ssp-From": self.asid,
            "Ssp-To": system.asid,
            "Ssp-InteractionID": INTERACTION,
        }
        answer = await self.http.send(
            "POST",
            f"{self.proxy}/{system.base}/{_OPERATION}",
            headers=headers,
            content=question(whom.nhs_number),
            within=self.within,
        )
        if answer.status != 200:
            _refuse(answer)
        return gp_connect_answer.parts_of(answer.body, whom)

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Carry nothing: a practice is only asked (`adapters.base.OnlyAsked`)."""
        nothing: tuple[Receipt, ...] = ()
        for receipt in nothing:
            yield receipt

    async def poll(self, cursor: str) -> Polled:
        """Practices do not say what is new; each person is asked for once."""
        return Polled((), cursor)

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Put a part of an answer into our words; raise Untranslatable."""
        return (gp_connect_answer.arrived(message, "", self.dialect),)

    async def settled(self, message: Message) -> None:
        """Nothing is to be told."""

    async def close(self) -> None:
        """Let go of connections."""
        await self.http.close()
        await self.directory.http.close()
        await self.release()


def question(nhs_number: str) -> bytes:
    """Return the question: allergies and medicines that hold, and active problems."""
    return json.encode(
        {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "patientNHSNumber", "valueIdentifier": {"system": NHS_NUMBER_SYSTEM, "value": nhs_number}},
                {"name": "includeAllergies", "part": [{"name": "includeResolvedAllergies", "valueBoolean": False}]},
                {"name": "includeMedication", "part": [{"name": "includePrescriptionIssues", "valueBoolean": False}]},
                {"name": "includeProblems", "part": [{"name": "filterStatus", "valueCode": "active"}]},
            ],
        }
    )


def _refuse(answer: Answer) -> None:
    codes = codes_of(answer.body)
    if answer.status == 404 and codes & _UNKNOWN:
        raise PersonUnknown((ReportedIssue("error", "PATIENT_NOT_FOUND"),), status=404)
    if answer.status == 403 and (said := codes & _DISSENT):
        raise ContentRefused(tuple(ReportedIssue("error", code) for code in sorted(said)), status=403)
    refuse(answer)
