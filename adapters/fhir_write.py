"""Writing one resource at a FHIR server so that it is there once, and nothing is overwritten that the partner changed.

An update and a deletion name the version that we know. When the server says that it has another, or never told us which
it has, what it has is read. If it is as we want it, an answer was lost; if it is anything that we sent, ours is older
than our own last word, and we go on; else the partner changed it, and that is `ChangedThere`. What a server without
versions has is replaced unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from adapters.errors import ChangedThere, Conflict, ContentRefused, NotAuthorised, NotThere, Unintelligible
from adapters.fhir_pages import pages
from adapters.fhir_rest import FhirAnswer, FhirClient
from adapters.fhir_words import Marks, Resource, local, same
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode, encode


@dataclass(frozen=True, slots=True)
class There:
    """Where a resource is at the partner, and in which version; `new`: this create made it."""

    reference: str
    version: str
    new: bool = True


@dataclass(frozen=True, slots=True)
class New:
    """A create. `ours` is our reference, `key` the parcel's.

    `searches` are how everything of the person is found there, for a server that cannot find by our mark; None where
    it cannot be found so. `beside` is the entry of a transaction with which it has to be written, None for by itself.
    `tried`: an earlier create of it may have taken effect.
    """

    resource: Resource = field(repr=False)
    ours: str
    key: str
    subject: str
    searches: Mapping[str, str] | None = field(default=None, repr=False)
    beside: dict[str, Any] | None = field(default=None, repr=False)
    tried: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """One partner's server. `keys`: creates are made once by Idempotency-Key, else by If-None-Exist."""

    fhir: FhirClient
    marks: Marks
    keys: bool
    unsure: set[tuple[str, str]] = field(default_factory=set, repr=False)
    """Creates, by subject and reference, of which we do not know whether they took effect."""

    async def create(self, new: New, condition: str = "") -> There:
        """Create a resource, or bring up to date the one that an earlier create of it made.

        With a `condition` it is the condition of the create in any case, and what fits it is only named.
        """
        kind, unsure = new.resource["resourceType"], (new.subject, new.ours)
        mark = condition or self.marks.put_on(new.resource, new.ours)
        self.marks.seal(new.resource)
        tried = (new.tried or unsure in self.unsure) and not condition
        made_before = await self._made_before(new, mark) if tried else None
        if made_before is None:
            self.unsure.add(unsure)
            try:
                answer = await self._send(new, mark, conditional=bool(condition))
                reference, version = _named(answer, kind)
            except Conflict as conflict:
                # a duplicate is what a lost answer leaves behind
                made_before = None if condition else await self._made_before(new, mark)
                if made_before is None:
                    raise conflict from None
            except (NotAuthorised, NotThere, ContentRefused):
                self.unsure.discard(unsure)
                raise
            else:
                if condition or answer.status != 200:
                    self.unsure.discard(unsure)
                    return There(reference, version, answer.status != 200)
                made_before = reference
        self.unsure.discard(unsure)
        return There(made_before, await self._brought_up(new.resource, new.ours, made_before))

    async def update(self, resource: Resource, ours: str, there: str, version: str) -> str:
        """Replace what the partner holds; return its new version. Raise ChangedThere."""
        self.marks.put_on(resource, ours)
        self.marks.seal(resource)
        if not version:
            return await self._brought_up(resource, ours, there)
        try:
            return await self._replace(resource, there, version)
        except NotThere:
            raise ChangedThere(ours) from None
        except Conflict:
            return await self._brought_up(resource, ours, there)

    async def delete_if_made(self, ours: str, searches: Mapping[str, str] | None, why: Resource | None) -> None:
        """Delete what a create of ours made, if it did, whose answer never came."""
        kind = ours.partition("/")[0]
        there = await self.find(kind, self.marks.put_on({"resourceType": kind}, ours), searches)
        if there is not None:
            _, version = await self._current(there)
            await self.delete(ours, there, version, why)

    async def delete(self, ours: str, there: str, version: str, why: Resource | None) -> None:
        """Delete what we made; done as well when it is gone already. Raise ChangedThere."""
        kind, _, id = there.partition("/")
        try:
            if version:
                try:
                    await self.fhir.delete(kind, id, if_match=version, provenance=why)
                except Conflict:
                    pass
                else:
                    return
            current, version = await self._current(there)
            if version and not self.marks.is_as_sent(current):
                raise ChangedThere(ours)
            await self.fhir.delete(kind, id, if_match=version or None, provenance=why)
        except NotThere:
            return

    async def _brought_up(self, resource: Resource, ours: str, there: str) -> str:
        """Bring what we sent earlier up to date; return its version. Raise ChangedThere if it is not as sent."""
        try:
            current, version = await self._current(there)
            if same(resource, current):
                return version
            if not version or self.marks.is_as_sent(current):
                return await self._replace(resource, there, version)
        except (Conflict, NotThere):
            pass
        raise ChangedThere(ours)

    async def _replace(self, resource: Resource, there: str, version: str) -> str:
        body = {**resource, "id": there.partition("/")[2]}
        return _version(await self.fhir.update(body, if_match=version or None))

    async def _current(self, there: str) -> tuple[Resource, str]:
        kind, _, id = there.partition("/")
        answer = await self.fhir.read(kind, id)
        if answer.resource is None or answer.resource["resourceType"] != kind:
            raise Unintelligible("the answer to a read is not the resource")
        return answer.resource, _version(answer)

    async def _send(self, new: New, mark: str, *, conditional: bool) -> FhirAnswer:
        if_none_exist = mark if conditional or not self.keys else None
        # the content too: a server refuses a key that comes again with other content
        key = hashed(new.key, new.ours, encode(new.resource).decode()) if self.keys else None
        if new.beside is None:
            return await self.fhir.create(new.resource, if_none_exist=if_none_exist, idempotency_key=key)
        condition = {"ifNoneExist": if_none_exist} if if_none_exist is not None else {}
        request = {"method": "POST", "url": new.resource["resourceType"], **condition}
        entries = [new.beside, {"resource": new.resource, "request": request}]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        return _of_last_entry(await self.fhir.transaction(bundle, idempotency_key=key))

    async def _made_before(self, new: New, mark: str) -> str | None:
        """Look whether a create took effect whose answer was lost; None where it did not, or cannot be looked for."""
        return await self.find(new.resource["resourceType"], mark, new.searches)

    async def find(self, kind: str, mark: str, searches: Mapping[str, str] | None) -> str | None:
        """Return where the one resource is that bears a mark of ours; None where there is not exactly one."""
        name, _, value = mark.partition("=")
        search = searches if self.keys else {name: unquote(value)}
        if search is None:
            return None
        found: list[str] = []
        async with aclosing(pages(self.fhir, kind, search, 0)) as received:
            async for page in received:
                found += [id for one in page if (id := self._id_if_marked(one, unquote(value)))]
        return f"{kind}/{found[0]}" if len(found) == 1 else None

    def _id_if_marked(self, received: bytes, mark: str) -> str:
        try:
            resource = decode(received)
            return str(resource["id"]) if self.marks.are_on(resource, mark) else ""
        except (InvalidJson, KeyError, AttributeError, TypeError):
            return ""


def hashed(*parts: str) -> str:
    """Return a key that is the same whenever the same is sent again, and says nothing of what it is."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _named(answer: FhirAnswer, kind: str) -> tuple[str, str]:
    """Return the reference and the version of what was created or found, from Location, else from the body."""
    resource, version = answer.resource or {}, _version(answer)
    parts = (answer.location or "").rstrip("/").split("/")
    if len(parts) >= 4 and parts[-2] == "_history":
        version = version or parts[-1]
        parts = parts[:-2]
    reference = local("/".join(parts[-2:]), "")
    if reference is not None and reference.startswith(f"{kind}/"):
        return reference, version
    if resource.get("resourceType") == kind and isinstance(resource.get("id"), str):
        return f"{kind}/{resource['id']}", version
    raise Unintelligible("the answer does not say where the resource is")


def _of_last_entry(answer: FhirAnswer) -> FhirAnswer:
    """Return what a transaction's answer says of its last entry."""
    try:
        response = (answer.resource or {})["entry"][-1]["response"]
        status, location = int(response["status"].split()[0]), response["location"]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise Unintelligible("the answer to a transaction does not say what became of its entries") from None
    version = str(response.get("etag", "")).removeprefix("W/").strip('"')
    return FhirAnswer(status=status, resource=None, version=version or None, location=str(location))


def _version(answer: FhirAnswer) -> str:
    meta = (answer.resource or {}).get("meta")
    said = meta.get("versionId") if isinstance(meta, dict) else None
    return answer.version or (said if isinstance(said, str) else "")
