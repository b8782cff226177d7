"""The five things that a producer asks of the National Record Locator (FHIR R4), each one request.

An NHS number is in the body of a request or nowhere: query strings end up in logs, so a search goes by POST. Whether a
request may be sent again is not judged here: a create is not idempotent (`adapters.nrl_keep`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from adapters.base import Resource
from adapters.errors import NotThere, Unintelligible
from adapters.http import Answer
from adapters.nrl_pointer import Found, Place, Pointer, ours_among, replacing
from adapters.nrl_refusals import refuse
from adapters.nrl_settings import request_id
from fhir_profiles.errors import InvalidJson
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from fhir_profiles.json import decode, encode
from fhir_profiles.terminology import SNOMED

MEDIA_TYPE = "application/fhir+json;version=1"
_FORM = "application/x-www-form-urlencoded"
_LOCATION = re.compile(r"(?:.*/)?DocumentReference/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


class Connection(Protocol):
    """What carries a request (`adapters.http.HttpClient`)."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        within: float = 60.0,
    ) -> Answer:
        """Send one request and read the answer whole."""


@dataclass(frozen=True, slots=True)
class NrlClient:
    """Speaks to NRL for one effect. `correlation` is the same in all attempts at it (X-Correlation-ID, a UUID)."""

    connection: Connection
    base: str
    within: float
    correlation: str

    async def ours(self, place: Place, urls: frozenset[str]) -> list[Found]:
        """Search for the pointers to one plan, the newest last."""
        asked = {
            "subject:identifier": f"{NHS_NUMBER_SYSTEM}|{place.number}",
            "type": f"{SNOMED}|{place.type}",
        }
        answer = await self._send("POST", "/_search", place.organisation, urlencode(asked).encode(), _FORM)
        found = ours_among(_resource(answer), place, urls)
        if not all(_ID.fullmatch(one.id) for one in found):
            raise Unintelligible("a pointer that was found has an id that is none")
        return found

    async def create(self, pointer: Pointer) -> str:
        """Make a pointer; return its id. Sent twice, it makes two."""
        return await self._post(pointer, pointer.body)

    async def replace(self, old: str, pointer: Pointer) -> str:
        """Make a pointer in the place of another, which is deleted with it; return its id."""
        return await self._post(pointer, replacing(pointer.body, old))

    async def update(self, id: str, pointer: Pointer, created: str) -> None:
        """Let a pointer say something else; what it may not change (subject, type, custodian) is as it was."""
        content = [{**one, "attachment": {**one["attachment"], "creation": created}} for one in pointer.body["content"]]
        body = {**pointer.body, "id": id, "content": content}
        await self._send("PUT", f"/{id}", pointer.place.organisation, encode(body), MEDIA_TYPE)

    async def delete(self, id: str, organisation: str) -> None:
        """Delete a pointer; that it is not there is what is wanted."""
        try:
            await self._send("DELETE", f"/{id}", organisation)
        except NotThere:
            return

    async def _post(self, pointer: Pointer, body: Resource) -> str:
        answer = await self._send("POST", "", pointer.place.organisation, encode(body), MEDIA_TYPE)
        named = _LOCATION.fullmatch(answer.headers.get("location", ""))
        if named is None:
            raise Unintelligible("the pointer that was made has no id")
        return named[1]

    async def _send(
        self, method: str, path: str, organisation: str, content: bytes | None = None, media_type: str = ""
    ) -> Answer:
        headers = {
            "Accept": MEDIA_TYPE,
            "NHSD-End-User-Organisation-ODS": organisation,
            "X-Request-ID": request_id(),
            "X-Correlation-ID": self.correlation,
        }
        if media_type:
            headers["Content-Type"] = media_type
        url = f"{self.base}/DocumentReference{path}"
        answer = await self.connection.send(method, url, headers=headers, content=content, within=self.within)
        if not 200 <= answer.status < 300:
            refuse(answer)
        return answer


def _resource(answer: Answer) -> Resource:
    try:
        return decode(answer.body)
    except InvalidJson:
        raise Unintelligible("the answer to a search is not JSON") from None
