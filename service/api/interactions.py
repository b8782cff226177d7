"""FHIR's interactions over HTTP: each handler parses, calls one use case, and answers.

https://hl7.org/fhir/R4/http.html: read, vread, history-instance, create, update, delete, search-type, transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fhir_profiles import json
from fhir_profiles.errors import InvalidJson
from fhir_profiles.issues import error
from security.scopes import require
from service.api import answers, negotiation
from service.api.answers import Answer
from service.api.errors import BadHeader
from service.api.routing import Call
from service.record import transaction
from service.record.changes import Change, Method
from service.record.errors import PreconditionMissing, Unparseable, VersionConflict
from service.record.kept import Idempotency, Kept
from service.record.read import ReadHistory, ReadRecord, ReadResource, ReadVersion
from service.record.search import SearchRecords
from service.record.write import Result, WriteRecord, Written
from service.record.written import released_results

MAX_ENTRIES = 1_000


@dataclass(frozen=True, slots=True)
class Interactions:
    """The handlers that every resource type shares."""

    read_record: ReadRecord
    write_record: WriteRecord
    search_records: SearchRecords
    kept: Kept
    base: str
    body_limit: int

    async def read(self, resource_type: str, call: Call) -> Answer:
        """GET [base]/[type]/[id]."""
        answered = await self.read_record(call.caller, ReadResource(resource_type, call.path("id")))
        return answers.resource(answered.released, base=self.base)

    async def vread(self, resource_type: str, call: Call) -> Answer:
        """GET [base]/[type]/[id]/_history/[vid]."""
        version = call.path("vid")
        number = int(version) if version.isdecimal() and len(version) < 10 else 0
        answered = await self.read_record(call.caller, ReadVersion(resource_type, call.path("id"), number))
        return answers.resource(answered.released, base=self.base)

    async def history(self, resource_type: str, call: Call) -> Answer:
        """GET [base]/[type]/[id]/_history."""
        id = call.path("id")
        answered = await self.read_record(call.caller, ReadHistory(resource_type, id))
        entry = answered.record.entry(f"{resource_type}/{id}")
        deletion = entry.version if entry is not None and entry.deleted else 0
        return answers.history(answered.released, self.base, f"{resource_type}/{id}", deletion)

    async def search(self, resource_type: str, call: Call) -> Answer:
        """GET [base]/[type]?..."""
        parameters = list(call.request.query_params.multi_items())
        return await self._search(resource_type, call, parameters)

    async def search_by_post(self, resource_type: str, call: Call) -> Answer:
        """POST [base]/[type]/_search: the same, with what identifies people kept out of the address."""
        negotiation.check_content_type(call.request, form=True)
        body = await negotiation.read_body(call.request, 64 * 1024)
        parameters = negotiation.form(body) + list(call.request.query_params.multi_items())
        return await self._search(resource_type, call, parameters)

    async def create(self, resource_type: str, call: Call) -> Answer:
        """POST [base]/[type], conditional with If-None-Exist."""
        body, resource = await self.resource(call, resource_type)
        change = Change(
            Method.CREATE,
            resource_type,
            resource_type,
            resource,
            if_none_exist=call.request.headers.get("if-none-exist", ""),
        )
        written = await self._write(call, [change], "create", body)
        return await self._written(call, written, written.results[0])

    async def update(self, resource_type: str, call: Call) -> Answer:
        """PUT [base]/[type]/[id] with If-Match. An id that does not exist is not created."""
        version = negotiation.if_match(call.request)
        if version is None:
            raise PreconditionMissing
        body, resource = await self.resource(call, resource_type)
        change = Change(Method.UPDATE, resource_type, resource_type, resource, id=call.path("id"), if_match=version)
        written = await self._write(call, [change], "update", body)
        return await self._written(call, written, written.results[0])

    async def delete(self, resource_type: str, call: Call) -> Answer:
        """DELETE [base]/[type]/[id] with If-Match and, in X-Provenance, the reason."""
        version = negotiation.if_match(call.request)
        if version is None:
            raise PreconditionMissing
        change = Change(
            Method.DELETE,
            resource_type,
            resource_type,
            id=call.path("id"),
            if_match=version,
            reason=_deletion_reason(call),
        )
        written = await self._write(call, [change], "delete", b"")
        return answers.headers_only(status=204, etag=written.results[0].version)

    async def transaction(self, call: Call) -> Answer:
        """POST [base] with a transaction Bundle: one person's record, all or nothing."""
        body, bundle = await self.resource(call, "Bundle")
        changes = transaction.changes_of(bundle)
        for change in changes:
            letter = {Method.CREATE: "c", Method.UPDATE: "u", Method.DELETE: "d"}[change.method]
            require(call.caller.principal.scopes, change.type, letter)
            if change.method is Method.DELETE:
                change.reason = _deletion_reason(call)
        written = await self._write(call, changes, "transaction", body)
        wanted = negotiation.prefer(call.request)
        with_bodies = wanted is negotiation.Prefer.REPRESENTATION
        released = await released_results(self.write_record.access, written) if with_bodies else None
        return answers.transaction(released, [(result.reference, _response(result)) for result in written.results])

    async def _search(self, resource_type: str, call: Call, parameters: list[tuple[str, str]]) -> Answer:
        found = await self.search_records(call.caller, resource_type, parameters)
        address = f"{self.base}/{resource_type}"
        return answers.searchset(found, self.base, address)

    async def resource(self, call: Call, resource_type: str) -> tuple[bytes, dict[str, Any]]:
        """Return the body and the resource in it; raise for another media type, size, form or type."""
        negotiation.check_content_type(call.request)
        body = await negotiation.read_body(call.request, self.body_limit)
        try:
            resource = json.decode(body)
        except InvalidJson as invalid:
            raise Unparseable(invalid.issues) from None
        if resource.get("resourceType") != resource_type:
            raise Unparseable([error("structure", "", f"The body must be a {resource_type} resource.")])
        if resource.get("id") != call.request.path_params.get("id", resource.get("id")):
            raise Unparseable([error("value", f"{resource_type}.id", "The id must be the one in the address.")])
        return body, resource

    async def _write(self, call: Call, changes: list[Change], interaction: str, body: bytes) -> Written:
        request = call.request
        key = negotiation.idempotency_key(request)
        idempotency = None
        if key is not None:
            condition = request.headers.get("if-match", "") + "|" + request.headers.get("if-none-exist", "")
            idempotency = Idempotency.of(
                key, request.method.encode(), request.url.path.encode(), condition.encode(), body
            )
        try:
            return await self.write_record(call.caller, changes, interaction, idempotency)
        except VersionConflict as conflict:
            if body:
                conflict.kept_as = await self.kept.keep_refused(call.caller.principal, body)
            raise

    async def _written(self, call: Call, written: Written, result: Result) -> Answer:
        location = f"{self.base}/{result.reference}/_history/{result.version}"
        bare_location = f"{self.base}/{result.reference}"
        if result.bare:
            return answers.headers_only(status=result.status, location=bare_location)
        if negotiation.prefer(call.request) is not negotiation.Prefer.REPRESENTATION:
            return answers.headers_only(status=result.status, etag=result.version, location=location)
        released = await released_results(self.write_record.access, written)
        return answers.written(released, status=result.status, location=location)


def _response(result: Result) -> dict[str, str]:
    phrase = {200: "200 OK", 201: "201 Created", 204: "204 No Content"}[result.status]
    if result.bare:
        return {"status": phrase, "location": result.reference}
    location = f"{result.reference}/_history/{result.version}"
    response = {"status": phrase, "location": location, "etag": f'W/"{result.version}"'}
    if result.last_updated:
        response["lastModified"] = result.last_updated
    return response


def _deletion_reason(call: Call) -> str:
    """Return the reason of a deletion from X-Provenance (FHIR R4, 3.1.0.10): `reason[0].text` or its code."""
    try:
        provenance = json.decode(call.request.headers.get("x-provenance", "").encode())
        reason = provenance["reason"][0]
        text = reason.get("text") or reason["coding"][0]["code"]
    except (InvalidJson, LookupError, TypeError, AttributeError):
        text = ""
    if not isinstance(text, str) or not text.strip():
        raise BadHeader("A deletion gives its reason: X-Provenance with a Provenance whose reason[0].text says why.")
    return text.strip()
