"""What a FHIR R4 partner keeps beyond the seam: the rules of HL7's RESTful API that this product leans on.

The test system is looked at through the same sign-in as the adapter's, by requests of our own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex

from adapters.base import Resource
from adapters.conformance_fhir_sight import FhirSight, searched, version_of
from adapters.conformance_rules import Broken, Checks, NotApplicable, rule, said
from adapters.conformance_trial import Trial
from adapters.errors import Conflict, NotThere, OutsideError, Refused
from adapters.fhir_rest import FHIR_JSON, FhirAnswer
from adapters.fhir_settings import tls_of
from adapters.http import HttpClient
from security.clock import instant

FHIR: Checks = []
_HTTP = "FHIR R4 http.html"
_SEARCH = "FHIR R4 search.html"
_WRONG = "conformance-wrong-sign-in"


@rule(FHIR, "fhir-version", "Its CapabilityStatement says FHIR 4.0.1", f"{_HTTP}#capabilities")
async def version(trial: Trial) -> None:
    """Read /metadata."""
    found = (await _sight(trial).fhir.capabilities()).resource or {}
    if found.get("resourceType") != "CapabilityStatement":
        raise Broken("/metadata is no CapabilityStatement.")
    if found.get("fhirVersion") != "4.0.1":
        raise Broken("fhirVersion is another, or not said.")


@rule(FHIR, "fhir-sign-in", "A sign-in that is not ours is refused with 401", "RFC 6750, section 3.1; RFC 9110, 15.5.2")
async def sign_in(trial: Trial) -> None:
    """Ask for a person under a token that nobody gave."""
    settings = _sight(trial).settings
    if settings.auth is None:
        raise NotApplicable("the description names no sign-in")
    headers = {"Accept": FHIR_JSON, "Authorization": f"Bearer {_WRONG}"}
    if settings.auth.header_file:
        name = trial.partner.file(settings.auth.header_file).read_text().partition(":")[0].strip()
        headers |= {name: _WRONG}
    async with HttpClient(tls=tls_of(trial.partner, settings)) as http:
        answer = await http.send("GET", f"{settings.base}/Patient/{_WRONG}", headers=headers)
    if answer.status != 401:
        raise Broken(f"It was answered {answer.status}.")


@rule(FHIR, "fhir-etag", "Each version has an ETag, and the next version another", f"{_HTTP}#versioning")
async def etag(trial: Trial) -> None:
    """Create something, change it, and compare."""
    async with _made(trial) as (resource, created):
        if created.version is None:
            raise Broken("A create is answered without ETag.")
        read = await _sight(trial).fhir.read(resource["resourceType"], resource["id"])
        if read.version != created.version:
            raise Broken("A read has another ETag than the create, or none.")
        updated = await _sight(trial).fhir.update(_changed(trial, resource), if_match=created.version)
        if updated.version in (None, created.version):
            raise Broken("An update is answered without ETag, or with the one of before.")


@rule(FHIR, "fhir-if-match", "An update of a version that is past is refused with 412", f"{_HTTP}#concurrency")
async def if_match(trial: Trial) -> None:
    """Update twice from the same version."""
    async with _made(trial) as (resource, created):
        known = version_of(created)
        if not known:
            raise Broken("There is no version to name.")
        changed = _changed(trial, resource)
        await _sight(trial).fhir.update(changed, if_match=known)
        try:
            await _sight(trial).fhir.update({**changed, "language": "en-GB"}, if_match=known)
        except Refused as refused:
            if refused.status != 412:
                raise Broken(f"It was answered {refused.status}.") from None
            return
        raise Broken("It was taken, and what was there was overwritten.")


@rule(FHIR, "fhir-once", "A create that is repeated makes one resource, as `once` says", f"{_HTTP}#ccreate")
async def once(trial: Trial) -> None:
    """Create the same twice: under the same condition, or the same key."""
    sight = _sight(trial)
    async with _made(trial) as (resource, _):
        _, before = resource, await sight.found(trial)
        again, mark = _new(trial)
        by_key = sight.settings.once == "idempotency-key"
        try:
            answer = await sight.fhir.create(
                again, if_none_exist=None if by_key else mark, idempotency_key=_key(trial) if by_key else None
            )
        except Conflict as conflict:
            raise Broken(f"The second was refused: {said(conflict)}.") from None
        if len(await sight.found(trial)) != len(before):
            raise Broken(f"The second was answered {answer.status} and made another.")


@rule(FHIR, "fhir-new", "It can be asked what changed since a time, by _lastUpdated", f"{_SEARCH}#lastUpdated")
async def new(trial: Trial) -> None:
    """Ask for what changed since the run began, and since a time to come."""
    sight, description = _sight(trial), trial.partner.description
    if not description.sends:
        raise NotApplicable("the description says that it `sends` nothing")
    async with _made(trial) as (resource, _):
        if resource["resourceType"] not in sight.settings.types:
            raise NotApplicable(f"`types` do not name {resource['resourceType']}")
        for since, wanted in ((instant(trial.began), True), ("2100-01-01T00:00:00Z", False)):
            search = {"_lastUpdated": f"ge{since}", "_sort": "_lastUpdated"}
            ids = [one["id"] async for one in searched(sight.fhir, resource["resourceType"], search, 100)]
            if wanted and resource["id"] not in ids:
                raise Broken("What was made a moment ago is not among what is new.")
            if not wanted and ids:
                raise Broken("What is old is said to be new since a time to come: _lastUpdated is not looked at.")


@rule(FHIR, "fhir-pages", "Answers come in pages, and their links lead to all of it", f"{_HTTP}#paging")
async def paging(trial: Trial) -> None:
    """Read the person's entries one a page, and at once."""
    sight = _sight(trial)
    if not sight.settings.page:
        raise NotApplicable("`page` is 0: it is not asked for pages")
    async with _made(trial):
        whole, one_by_one = await sight.found(trial, 100), await sight.found(trial, 1)
        if whole.keys() != one_by_one.keys():
            raise Broken(f"At once there are {len(whole)}, one a page {len(one_by_one)}.")


@rule(FHIR, "fhir-gone", "What was deleted is answered 404 or 410", f"{_HTTP}#delete")
async def gone(trial: Trial) -> None:
    """Delete something and read it."""
    async with _made(trial) as (resource, created):
        kind, id = resource["resourceType"], resource["id"]
        await _sight(trial).fhir.delete(
            kind, id, if_match=version_of(created) or None, provenance=_sight(trial).why(trial)
        )
        try:
            await _sight(trial).fhir.read(kind, id)
        except NotThere:
            return
        raise Broken("It is still there.")


def _sight(trial: Trial) -> FhirSight:
    assert isinstance(trial.sight, FhirSight)
    return trial.sight


def _new(trial: Trial) -> tuple[Resource, str]:
    """Return a resource to be created, of a type that travels, and the condition under which it is made once."""
    kinds = {one.partition("/")[0] for one in trial.carried()}
    one = next(one for one in trial.plan(name="once") if one["resourceType"] in kinds)
    worded = _sight(trial).worded(trial, one)
    return worded, _sight(trial).marks.put_on(worded, f"{one['resourceType']}/{one['id']}")


def _key(trial: Trial) -> str:
    return f"{trial.run}-once-{trial.turn}"


@asynccontextmanager
async def _made(trial: Trial) -> AsyncIterator[tuple[Resource, FhirAnswer]]:
    """Create one resource as the adapter does, and take it away afterwards if it is still there."""
    sight = _sight(trial)
    resource, mark = _new(trial)
    trial.turn = token_hex(4)
    by_key = sight.settings.once == "idempotency-key"
    answer = await sight.fhir.create(
        resource, if_none_exist=None if by_key else mark, idempotency_key=_key(trial) if by_key else None
    )
    parts = (answer.location or "").partition("/_history")[0].split("/")
    id = parts[-1] if len(parts) > 1 else str((answer.resource or {}).get("id", ""))
    made = {**resource, "id": id}
    try:
        yield made, answer
    finally:
        try:
            _, current = await sight.read(f"{made['resourceType']}/{id}")
            await sight.fhir.delete(
                made["resourceType"], id, if_match=current or None, provenance=_sight(trial).why(trial)
            )
        except (OutsideError, Broken):
            pass  # it is gone, or `clean` says that it is left


def _changed(trial: Trial, resource: Resource) -> Resource:
    """Return a resource that was created, in another wording."""
    kind = resource["resourceType"]
    other = _sight(trial).worded(trial, trial.place(1) if kind == "Observation" else trial.allergy(1))
    told = "valueCodeableConcept" if kind == "Observation" else "code"
    return {**resource, told: other[told]}
