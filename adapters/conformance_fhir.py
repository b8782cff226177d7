"""What a FHIR R4 partner keeps beyond the seam: the rules of HL7's RESTful API that this product leans on.

The test system is looked at through the same sign-in as the adapter's, by requests of our own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from secrets import token_hex

from adapters.base import Resource
from adapters.conformance_rules import Broken, Checks, NotApplicable, rule, said
from adapters.conformance_trial import Trial
from adapters.errors import Conflict, NotThere, OutsideError, Refused
from adapters.fhir_pages import pages
from adapters.fhir_poll import cursor_from
from adapters.fhir_rest import FHIR_JSON, FhirAnswer, FhirClient
from adapters.fhir_settings import FhirSettings, client_of, dialect_of, settings_of, tls_of
from adapters.fhir_words import Marks, bare, outward
from adapters.http import HttpClient
from adapters.partners import Partner
from adapters.surroundings import Surroundings
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode
from security.clock import instant

FHIR: Checks = []
_HTTP = "FHIR R4 http.html"
_SEARCH = "FHIR R4 search.html"
_WRONG = "conformance-wrong-sign-in"


class FhirSight:
    """A look at a FHIR server: what bears our marks, of the types that the plan of a run has."""

    keeps = True

    def __init__(self, partner: Partner, surroundings: Surroundings) -> None:
        """Make it inside the running loop."""
        self.settings: FhirSettings = settings_of(partner)
        self.dialect = dialect_of(partner)
        self.http, self.fhir = client_of(partner, self.settings, surroundings.clock)
        self.marks = Marks(surroundings.fhir_base)
        self._base = surroundings.fhir_base
        self._types = [kind for kind in self.settings.types if self.dialect.travels_in(kind)]

    async def look(self, trial: Trial) -> Mapping[str, str]:
        """Return the versions of what is there of the run, by the partner's references."""
        return {reference: version for reference, (version, _) in (await self.found(trial)).items()}

    async def found(self, trial: Trial, size: int = 0) -> dict[str, tuple[str, Resource]]:
        """Return what is there of the run, with its version; `size` resources a page, 0 as the server likes."""
        person = trial.held.get(trial.patient)
        if person is None or not person.theirs:
            return {}
        found = {}
        for kind in ("Observation", "AllergyIntolerance"):
            if self.dialect.travels_out(kind):
                async for one in _searched(self.fhir, kind, {"patient": person.theirs}, size):
                    if self.is_ours(one, trial):
                        version = str(one.get("meta", {}).get("versionId", ""))
                        found[f"{kind}/{one['id']}"] = version, one
        return found

    def is_ours(self, resource: Resource, trial: Trial) -> bool:
        """Say whether a resource there bears a mark of this run."""
        kind = resource["resourceType"]
        names = [*trial.plan(), *trial.plan(name="lost"), *trial.plan(name="once"), *trial.plan(name="whom")]
        return any(self.marks.are_on(resource, f"{self._base}|{kind}/{one['id']}") for one in names)

    def worded(self, trial: Trial, resource: Resource) -> Resource:
        """Return a resource of ours in the partner's words, with its references."""
        theirs = {ours: there.theirs for ours, there in trial.held.items() if there.theirs}
        return self.dialect.out(outward(bare(resource), self._base, theirs))

    async def changes(self, trial: Trial, reference: str, resource: Resource) -> None:
        """Change what the partner holds of a resource, as its own people would."""
        current, version = await self.read(trial.held[reference].theirs)
        worded = self.worded(trial, resource)
        told = "valueCodeableConcept" if resource["resourceType"] == "Observation" else "code"
        await self.fhir.update({**current, told: worded[told]}, if_match=version or None)

    async def read(self, theirs: str) -> tuple[Resource, str]:
        """Read one resource there, and its version."""
        kind, _, id = theirs.partition("/")
        answer = await self.fhir.read(kind, id)
        if answer.resource is None:
            raise Broken("The answer to a read is empty.")
        return answer.resource, version_of(answer)

    def cursor(self, trial: Trial) -> str:
        """Return from where to ask for what is new since the run began."""
        return cursor_from(self._types, trial.began)

    async def clean(self, trial: Trial) -> list[str]:
        """Delete everything of the run, and the person, if this run made them known there."""
        left = []
        person = trial.held.get(trial.patient)
        try:
            there = list(await self.found(trial))
        except OutsideError as error:
            return [f"It could not be asked what is left: {said(error)}."]
        for theirs in [*there, *([person.theirs] if person is not None and person.made else [])]:
            try:
                _, version = await self.read(theirs)
                kind, _, id = theirs.partition("/")
                await self.fhir.delete(kind, id, if_match=version or None, provenance=_why(trial))
            except NotThere:
                continue
            except (OutsideError, Broken) as error:
                why = said(error) if isinstance(error, OutsideError) else error.why
                left.append(f"{theirs}: could not be deleted ({why}).")
        return left

    async def close(self) -> None:
        """Let go of connections."""
        await self.http.close()


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
            ids = [one["id"] async for one in _searched(sight.fhir, resource["resourceType"], search, 100)]
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
        await _sight(trial).fhir.delete(kind, id, if_match=version_of(created) or None, provenance=_why(trial))
        try:
            await _sight(trial).fhir.read(kind, id)
        except NotThere:
            return
        raise Broken("It is still there.")


def version_of(answer: FhirAnswer) -> str:
    """Return the version of an answer, from its ETag or its resource."""
    return answer.version or str((answer.resource or {}).get("meta", {}).get("versionId", ""))


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
            await sight.fhir.delete(made["resourceType"], id, if_match=current or None, provenance=_why(trial))
        except (OutsideError, Broken):
            pass  # it is gone, or `clean` says that it is left


def _changed(trial: Trial, resource: Resource) -> Resource:
    """Return a resource that was created, in another wording."""
    kind = resource["resourceType"]
    other = _sight(trial).worded(trial, trial.place(1) if kind == "Observation" else trial.allergy(1))
    told = "valueCodeableConcept" if kind == "Observation" else "code"
    return {**resource, told: other[told]}


async def _searched(fhir: FhirClient, kind: str, search: Mapping[str, str], size: int) -> AsyncIterator[Resource]:
    async with aclosing(pages(fhir, kind, search, size)) as received:
        async for page in received:
            for one in page:
                try:
                    resource = decode(one)
                except InvalidJson:
                    continue
                if resource.get("resourceType") == kind and isinstance(resource.get("id"), str):
                    yield resource


def _why(trial: Trial) -> Resource | None:
    """Return the reason of a deletion, for a server that wants one."""
    if not _sight(trial).settings.say_why:
        return None
    return {
        "resourceType": "Provenance",
        "recorded": instant(trial.surroundings.clock()),
        "reason": [{"text": "Made for a conformance run"}],
        "agent": [{"who": {"display": "Conformance run"}}],
    }
