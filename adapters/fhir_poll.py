"""Asking a FHIR server what is new, or everything of one person, and fetching what a resource cannot be read without.

A page is taken apart without reading the resources in it: one that cannot be read becomes a message all the same, which
a person looks at, and holds up nothing. What comes twice is harmless; so the search begins again at the second of the
newest change that was seen, because more may have happened in that second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from adapters.base import Message, Polled, Whom
from adapters.errors import ContentRefused, NotAuthorised, NotThere, OtherPerson, Unintelligible
from adapters.fhir_envelope import head_of, message_of
from adapters.fhir_pages import pages
from adapters.fhir_person import find_by_number
from adapters.fhir_rest import FhirClient
from adapters.fhir_words import person_of, pointed_at
from adapters.mapping import Mapping as Dialect
from fhir_profiles.errors import InvalidJson, InvalidNhsNumber
from fhir_profiles.identifiers import NhsNumber
from fhir_profiles.json import decode
from security.clock import Clock

ENOUGH = 500
"""After so many messages the engine takes them in before it asks for more."""

_BEGIN = "begin"
"""The member of a cursor that names the type to begin with."""

_MOST_TRIES = 3
"""Questions that end because of one resource that cannot be read; then what needs it comes without it."""

_COMPANIONS = frozenset({"Practitioner", "PractitionerRole", "Organization"})
_MOST_COMPANIONS = 20


class _Kind(msgspec.Struct, frozen=True):
    resourceType: str


@dataclass(slots=True)
class _Fetched:
    """What was read beside the resources themselves, for the time of one question."""

    resources: dict[str, bytes | None] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Asking:
    """One partner's server, and what it is asked for."""

    fhir: FhirClient
    types: Sequence[str]
    base: str
    page: int
    dialect: Dialect
    clock: Clock
    unreadable: Counter[str] = field(default_factory=Counter, repr=False)

    async def news(self, cursor: str) -> Polled:
        """Return what was changed since `cursor`; see `adapters.base.Adapter.poll`."""
        newest = _cursor(cursor)
        begin = newest.pop(_BEGIN, "")
        fetched = _Fetched()
        messages: list[Message] = []
        kinds = self.types[self.types.index(begin) :] if begin in self.types else self.types
        for kind, after in zip(kinds, [*kinds[1:], ""], strict=True):
            found, newest[kind], more = await self._news_of(kind, newest.get(kind, ""))
            messages += await self._messages(found, fetched)
            go_on_with = kind if more else after
            if go_on_with and (more or len(messages) >= ENOUGH):
                # the next question goes on there: else a type with much that is new would keep the others waiting
                return Polled(messages, _written({**newest, _BEGIN: go_on_with}), more=True)
        return Polled(messages, _written(newest))

    async def of_person(self, whom: Whom, theirs: str) -> Sequence[Message]:
        """Return everything of one person; see `FhirPartner.of_person`."""
        reference = theirs or await self._find(whom)
        if not reference:
            return ()
        fetched = _Fetched()
        messages = []
        for kind in self.types:
            search = {"_id": reference.partition("/")[2]} if kind == "Patient" else {"patient": reference}
            async with aclosing(pages(self.fhir, kind, search, self.page)) as received:
                async for page in received:
                    messages += await self._messages(page, fetched)
        return messages

    async def _find(self, whom: Whom) -> str:
        try:
            number = NhsNumber(whom.nhs_number)
        except InvalidNhsNumber:
            raise OtherPerson("the person has no NHS number by which they could be found") from None
        found = await find_by_number(self.fhir, self.dialect, number, whom.birth_date)
        return found.reference if found is not None else ""

    async def _news_of(self, kind: str, since: str) -> tuple[list[bytes], str, bool]:
        """Return the changes of a type, the newest time among them, and whether there are more.

        Where the changes come in the order of their times, it stops after enough of them, at the earliest when the
        next second has begun: else the same second would be asked for again and again. In any other order all must be
        seen before the time may move.
        """
        search = {
            "_sort": "_lastUpdated",
            "_count": str(self.page),
            **({"_lastUpdated": f"ge{since}"} if since else {}),
        }
        found: list[bytes] = []
        in_order, latest = True, _moment(since)
        async with aclosing(pages(self.fhir, kind, search, self.page)) as received:
            async for page in received:
                for resource in page:
                    found.append(resource)
                    moment = _moment(head_of(resource).last_updated)
                    if moment is not None:
                        in_order = in_order and (latest is None or moment >= latest)
                        latest = moment if latest is None else max(latest, moment)
                newest = self._second(latest)
                # changes dated ahead of our clock cannot be asked for from where they end, so they are read to the end
                ahead = latest is not None and latest > self.clock()
                if in_order and len(found) >= ENOUGH and newest > since and not ahead:
                    return found, newest, True
        return found, self._second(latest), False

    def _second(self, moment: datetime | None) -> str:
        """Return the second to ask from; never one to come, or a clock that is wrong there would hide what follows."""
        if moment is None:
            return ""
        return min(moment, self.clock()).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def _messages(self, received: Sequence[bytes], fetched: _Fetched) -> list[Message]:
        found = [await self._message(resource, fetched) for resource in received]
        return [message for message in found if message is not None]

    async def _message(self, received: bytes, fetched: _Fetched) -> Message | None:
        """Fetch what belongs to a resource, and put it all into a message; None for what was removed meanwhile."""
        try:
            resource = decode(received)
        except InvalidJson:
            return message_of(received, None, {})
        person = person_of(resource, self.base)
        patient = received if resource.get("resourceType") == "Patient" else None
        if patient is None and person is not None:
            patient = await self._read(person, fetched)
            if patient is None and await self._is_gone(head_of(received).reference):
                return None
        companions: dict[str, bytes] = {}
        wanted = [reference for reference in pointed_at(resource, self.base) if _is_companion(reference)]
        while wanted and len(companions) < _MOST_COMPANIONS:
            reference = wanted.pop(0)
            content = await self._read(reference, fetched) if reference not in companions else None
            if content is not None:
                companions[reference] = content
                wanted += _pointed_at(content, self.base)
        return message_of(received, patient, companions)

    async def _is_gone(self, reference: str) -> bool:
        """Say whether a resource was removed while we asked, as its Patient was: by us, where sharing has ended."""
        kind, _, id = reference.partition("/")
        if not id:
            return False
        try:
            await self.fhir.read_as_it_is(kind, id)
        except NotThere:
            return True
        except (NotAuthorised, ContentRefused):
            return False
        return False

    async def _read(self, reference: str, fetched: _Fetched) -> bytes | None:
        """Read a resource once; None when the partner does not show this one. Other failures end the question.

        What is answered in its place, say by a proxy, ends it too, for it will be there when we ask again: in a message
        it would be what a person has to look at. Only where it never is, nothing else shall wait for it.
        """
        if reference not in fetched.resources:
            kind, _, id = reference.partition("/")
            try:
                content: bytes | None = await self.fhir.read_as_it_is(kind, id)
            except (NotThere, NotAuthorised, ContentRefused):
                content = None
            if content is not None and not _is_a(kind, content):
                self.unreadable[reference] += 1
                if self.unreadable[reference] < _MOST_TRIES:
                    raise Unintelligible("the answer to a read is not the resource")
                content = None
            else:
                del self.unreadable[reference]
            fetched.resources[reference] = content
        return fetched.resources[reference]


def cursor_from(types: Sequence[str], moment: datetime) -> str:
    """Return the cursor that asks for what was changed from a moment on."""
    second = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _written(dict.fromkeys(types, second))


def _is_companion(reference: str) -> bool:
    return reference.partition("/")[0] in _COMPANIONS


def _is_a(kind: str, content: bytes) -> bool:
    """Say whether it is JSON at all, and a resource of this type: the rest is for whoever reads the message."""
    try:
        return msgspec.json.decode(content, type=_Kind).resourceType == kind
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _pointed_at(content: bytes, base: str) -> list[str]:
    try:
        return [reference for reference in pointed_at(decode(content), base) if _is_companion(reference)]
    except InvalidJson:
        return []


def _cursor(text: str) -> dict[str, str]:
    """Read a cursor; one that is not ours begins from the beginning, which is harmless."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, str])
    except msgspec.MsgspecError:
        return {}


def _written(newest: dict[str, str]) -> str:
    return msgspec.json.encode({kind: second for kind, second in newest.items() if second}).decode()


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None
