"""The Personal Demographics Service, asked by NHS number or traced by demographics; never written to.

Source: the PDS FHIR R4 API, application-restricted, by which one request may have one match at most. Every request has
a new X-Request-ID, but for the same asked again because PDS said when (408, 429 with Retry-After): that keeps its own.
X-Correlation-ID stays the same from the first try to the last. The API takes NHS numbers in the path alone, so no
address of it is ever logged, traced or part of an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import urlencode
from uuid import uuid4

from adapters.answers import refuse, retry_after
from adapters.base import Resource
from adapters.errors import (
    ContentRefused,
    NumberInvalidated,
    PersonUnknown,
    ReportedIssue,
    Unintelligible,
)
from adapters.http import Answer, HttpClient
from adapters.pace import Pace
from adapters.pds_person import PdsPerson, person_of
from adapters.spine_codes import codes_in
from fhir_profiles.errors import InvalidJson
from fhir_profiles.identifiers import is_nhs_number
from fhir_profiles.json import decode

PER_SECOND = 5.0
"""What PDS allows an application by default."""
MOST_TRIES = 3
LONGEST_WAIT = 10.0
"""Seconds that PDS may ask us to wait while somebody waits for us; longer is for whoever asked to come back."""
_COME_BACK = frozenset({408, 429})
"""Statuses by which PDS says itself when the same may be asked again."""
_MATCH_SURE = 1.0


@dataclass(frozen=True, slots=True)
class Traced:
    """By what somebody is traced: PDS wants family name and birth date (FHIR date) at least."""

    family: str = field(repr=False)
    birth_date: str = field(repr=False)
    given: str = field(default="", repr=False)
    postcode: str = field(default="", repr=False)
    history: bool = True


@dataclass(frozen=True, slots=True)
class Candidate:
    """Whom a trace found, for a person to judge. `score` is from 0 to 1, by PDS; 1 says that all of it is the same."""

    person: PdsPerson
    score: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a trace found. `too_many`: more people fit than PDS shows, so nobody is shown."""

    people: tuple[Candidate, ...]
    too_many: bool = False


class Pds:
    """One application at PDS."""

    def __init__(self, http: HttpClient, base: str, pace: Pace, within: float) -> None:
        """`base` is the FHIR base without `/` at its end; `within` is how long one request may take, in seconds."""
        self._http = http
        self._base = base
        self._pace = pace
        self._within = within

    async def person(self, nhs_number: str) -> PdsPerson:
        """Return whom PDS knows by an NHS number, or by the number that superseded it.

        Raise PersonUnknown, NumberInvalidated, ContentRefused for what is no NHS number, or another OutsideError.
        """
        if not is_nhs_number(nhs_number):
            raise ContentRefused((ReportedIssue("error", "value"),))
        return person_of(await self._ask(f"{self._base}/Patient/{nhs_number}"), nhs_number)

    async def trace(self, whom: Traced) -> Candidates:
        """Return who may be meant. It says nothing of who is: a person decides.

        The application-restricted API answers with one person or none, and says when more fit.
        """
        query = {"family": whom.family, "birthdate": f"eq{whom.birth_date}"}
        more = {"given": whom.given, "address-postalcode": whom.postcode, "_history": "true" if whom.history else ""}
        query |= {name: value for name, value in more.items() if value}
        found = await self._ask(f"{self._base}/Patient?{urlencode({**query, '_max-results': '1'})}")
        if found["resourceType"] == "OperationOutcome" and "TOO_MANY_MATCHES" in codes_in(found):
            return Candidates((), too_many=True)
        if found["resourceType"] != "Bundle":
            raise Unintelligible("the answer to a trace is not a Bundle")
        try:
            return Candidates(tuple(_candidate(entry) for entry in found.get("entry", ())))
        except (AttributeError, KeyError, TypeError):
            raise Unintelligible("the Bundle does not have the structure of FHIR") from None

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _ask(self, url: str) -> Resource:
        correlation, request = str(uuid4()), str(uuid4())
        headers = {"Accept": "application/fhir+json", "X-Request-ID": request, "X-Correlation-ID": correlation}
        left = MOST_TRIES
        while True:
            await self._pace.turn()
            answer = await self._http.send("GET", url, headers=headers, within=self._within)
            if answer.status == 200:
                return _resource(answer)
            left -= 1
            wait = retry_after(answer.headers) if answer.status in _COME_BACK else None
            if wait is None or wait > LONGEST_WAIT or not left:
                _refuse(answer)
            await self._pace.pause(wait)


def _resource(answer: Answer) -> Resource:
    try:
        found = decode(answer.body)
    except InvalidJson:
        raise Unintelligible("the answer is not JSON") from None
    if not isinstance(found.get("resourceType"), str):
        raise Unintelligible("the answer is no resource")
    return found


def _refuse(answer: Answer) -> NoReturn:
    """Raise what an answer that says no is; a 404 without one of PDS's codes is a wrong address, and says of nobody."""
    try:
        outcome = decode(answer.body)
    except InvalidJson:
        outcome = {}
    codes = codes_in(outcome)
    if answer.status == 404 and "INVALIDATED_RESOURCE" in codes:
        raise NumberInvalidated(status=404)
    if answer.status == 404 and "RESOURCE_NOT_FOUND" in codes:
        raise PersonUnknown(status=404)
    # what PDS says of the request repeats it: it stays here
    refuse(Answer(answer.status, answer.headers, b""))


def _candidate(entry: Resource) -> Candidate:
    score = entry.get("search", {}).get("score", 0)
    return Candidate(person_of(entry["resource"], ""), min(_MATCH_SURE, max(0.0, float(score))))
