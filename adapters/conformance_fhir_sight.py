"""A look at a FHIR server for the conformance pack, through the same sign-in as the adapter's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

from adapters.base import Resource
from adapters.conformance_rules import Broken, said
from adapters.conformance_trial import Trial
from adapters.errors import NotThere, OutsideError
from adapters.fhir_pages import pages
from adapters.fhir_poll import cursor_from
from adapters.fhir_rest import FhirAnswer, FhirClient
from adapters.fhir_settings import FhirSettings, client_of, dialect_of, settings_of
from adapters.fhir_words import Marks, bare, outward
from adapters.partners import Partner
from adapters.surroundings import Surroundings
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode
from security.clock import instant


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
                async for one in searched(self.fhir, kind, {"patient": person.theirs}, size):
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
                await self.fhir.delete(kind, id, if_match=version or None, provenance=self.why(trial))
            except NotThere:
                continue
            except (OutsideError, Broken) as error:
                why = said(error) if isinstance(error, OutsideError) else error.why
                left.append(f"{theirs}: could not be deleted ({why}).")
        return left

    async def close(self) -> None:
        """Let go of connections."""
        await self.http.close()

    def why(self, trial: Trial) -> Resource | None:
        """Return the reason of a deletion, for a server that wants one."""
        if not self.settings.say_why:
            return None
        return {
            "resourceType": "Provenance",
            "recorded": instant(trial.surroundings.clock()),
            "reason": [{"text": "Made for a conformance run"}],
            "agent": [{"who": {"display": "Conformance run"}}],
        }


def version_of(answer: FhirAnswer) -> str:
    """Return the version of an answer, from its ETag or its resource."""
    return answer.version or str((answer.resource or {}).get("meta", {}).get("versionId", ""))


async def searched(fhir: FhirClient, kind: str, search: Mapping[str, str], size: int) -> AsyncIterator[Resource]:
    """Yield what a search finds, page by page; what cannot be read is left out."""
    async with aclosing(pages(fhir, kind, search, size)) as received:
        async for page in received:
            for one in page:
                try:
                    resource = decode(one)
                except InvalidJson:
                    continue
                if resource.get("resourceType") == kind and isinstance(resource.get("id"), str):
                    yield resource
