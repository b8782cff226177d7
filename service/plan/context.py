"""What one resource of a plan needs from the others: who its author is, when it is due for review."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from fhir_profiles.identifiers import ODS_SYSTEM
from fhir_profiles.terminology import EPACCS
from service.plan import vocabulary as v
from service.plan.decisions import DecisionItem, authors_of, decision_item, is_clinician, kind_of
from service.plan.elements import Resource, concept_words, has_code, identifier_of, person_name, target
from service.plan.standing import Standing, standings


class Author(msgspec.Struct, frozen=True):
    """Who said or decided something, as far as the record can tell. `reference` is where the name came from."""

    name: str | None = None
    role: str | None = None
    organisation: str | None = None
    organisation_code: str | None = None
    key: str | None = None
    reference: str | None = None

    @property
    def words(self) -> str | None:
        """Name, role and organisation in one line; None when nothing is known."""
        return ", ".join(part for part in (self.name, self.role, self.organisation) if part) or None


class _Person(msgspec.Struct, frozen=True):
    """Whom a reference leads to, as far as an author is made from it."""

    name: str | None = None
    identifier: Resource = {}
    role: str | None = None
    works_for: Resource | None = None


_NOBODY = _Person()


@dataclass(frozen=True, slots=True)
class PlanContext:
    """The current resources of one record by `Type/id`, indexed once for all that is asked of them.

    `masked`: they are told without what places the person (`plan.masking`), so that a telephone which is not there may
    have been withheld.
    """

    resources: Mapping[str, Resource]
    masked: bool = False
    _reviews: dict[str, str] = field(default_factory=dict, repr=False)
    _owners: dict[str, Resource] = field(default_factory=dict, repr=False)
    _roles: dict[str, Resource] = field(default_factory=dict, repr=False)
    _provenance: dict[str, Resource] = field(default_factory=dict, repr=False)
    _authors: dict[str, Author] = field(default_factory=dict, repr=False)
    _people: dict[str, _Person] = field(default_factory=dict, repr=False)
    _decisions: dict[str, DecisionItem] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, resources: Iterable[Resource], *, masked: bool = False) -> PlanContext:
        """Index the current resources of one record."""
        context = cls({f"{one['resourceType']}/{one.get('id', '')}": one for one in resources}, masked)
        for resource in context.resources.values():
            context._index(resource)
        return context

    def author(self, resource: Resource) -> Author:
        """Return who a resource says is responsible for it, filled from the resources that it points at."""
        reference = f"{resource.get('resourceType')}/{resource.get('id', '')}"
        if self.resources.get(reference) is not resource:
            return self._read_author(resource, reference)
        # Asked for a decision's standing and for every line of the summary: looked up once.
        if reference not in self._authors:
            self._authors[reference] = self._read_author(resource, reference)
        return self._authors[reference]

    def _read_author(self, resource: Resource, reference: str) -> Author:
        references = authors_of(resource)
        agent: Resource = next(iter(self._provenance.get(reference, {}).get("agent", ())), {})
        who = next((one for one in references if is_clinician(one)), None) or agent.get("who")
        who = who or next(iter(references), {})
        reached = target(who)
        person = self._person(reached)
        organisation = next((one for one in references if (target(one) or "").startswith("Organization/")), None)
        organisation = organisation or person.works_for or agent.get("onBehalfOf") or {}
        identifier: Resource = who.get("identifier") or person.identifier
        value = identifier.get("value")
        name, code = self._organisation(organisation)
        return Author(
            name=person.name or who.get("display"),
            role=person.role,
            organisation=name,
            organisation_code=code,
            key=f"{identifier.get('system')}|{value}" if value else reached,
            reference=reached,
        )

    def _person(self, reference: str | None) -> _Person:
        """Read whom a reference leads to, once: most of a plan names the same few people."""
        if reference is None:
            return _NOBODY
        if reference not in self._people:
            person, role = self._person_and_role(reference)
            person, role = person or {}, role or {}
            self._people[reference] = _Person(
                name=person_name(person.get("name")),
                identifier=next(iter(person.get("identifier", ())), {}),
                role=next((words for one in role.get("code", ()) if (words := concept_words(one))), None),
                works_for=role.get("organization"),
            )
        return self._people[reference]

    def review_due(self, reference: str) -> str | None:
        """Return the date by which a decision is to be reviewed, from its review Task: the earliest of several."""
        return self._reviews.get(reference)

    def owner_of_conflict(self, reference: str) -> str:
        """Return who is to settle that a decision disagrees with another: the owner of its review Task, else the
        person's practice, else whoever holds the plan. Who is masked is not told where they are registered (5.6).
        """
        patient = next((one for one in self.resources.values() if one["resourceType"] == "Patient"), {})
        named = [self._owners.get(reference), *([] if self.masked else patient.get("generalPractitioner", ()))]
        return next((name for one in named if (name := self.display(one))), "the organisation that holds this plan")

    def provenance_of(self, reference: str) -> str | None:
        """Return the Provenance that targets a resource, as `Provenance/id`."""
        found = self._provenance.get(reference)
        return f"Provenance/{found.get('id', '')}" if found else None

    def decision(self, resource: Resource) -> DecisionItem | None:
        """Read a decision with its author and organisation resolved."""
        if kind_of(resource) is None:
            return None
        reference = f"{resource['resourceType']}/{resource.get('id', '')}"
        ours = self.resources.get(reference) is resource
        item = self._decisions.get(reference) if ours else None
        if item is None:
            author = self.author(resource)
            item = decision_item(resource, author=author.key, organisation=author.organisation_code)
            if ours and item is not None:
                self._decisions[reference] = item
        return item

    def decisions(self) -> list[DecisionItem]:
        """Return every decision of the record."""
        return [item for one in self.resources.values() if (item := self.decision(one))]

    def standings(self) -> dict[str, Standing]:
        """Return the standing of every decision of the record."""
        return standings(self.decisions())

    def named(self, reference: Resource | None) -> Resource | None:
        """Return the resource of this record that a Reference points at."""
        return self.resources.get(target(reference) or "")

    def display(self, reference: Resource | None) -> str | None:
        """Return a Reference in words: the name of what it points at, else its own display."""
        found = self.named(reference) or {}
        name = found.get("name")
        return (name if isinstance(name, str) else person_name(name)) or (reference or {}).get("display")

    def _index(self, resource: Resource) -> None:
        kind = resource.get("resourceType")
        if kind == "Task" and has_code(resource.get("code"), EPACCS, v.DECISION_REVIEW):
            decision = target(resource.get("focus"))
            due = resource.get("restriction", {}).get("period", {}).get("end")
            still_open = resource.get("status") not in ("completed", "cancelled", "rejected", "entered-in-error")
            if decision and due and still_open and due < self._reviews.get(decision, "9999"):
                self._reviews[decision] = due
            if decision and still_open and resource.get("owner"):
                self._owners.setdefault(decision, resource["owner"])
        elif kind == "PractitionerRole":
            if practitioner := target(resource.get("practitioner")):
                self._roles.setdefault(practitioner, resource)
        elif kind == "Provenance":
            for reference in resource.get("target", ()):
                if name := target(reference):
                    self._provenance[name] = resource

    def _person_and_role(self, reference: str) -> tuple[Resource | None, Resource | None]:
        found = self.resources.get(reference)
        if found is None:
            return None, None
        if found["resourceType"] == "PractitionerRole":
            return self.named(found.get("practitioner")), found
        return found, self._roles.get(reference)

    def _organisation(self, reference: Resource) -> tuple[str | None, str | None]:
        found = self.named(reference) or {}
        stated = reference.get("identifier", {})
        code = identifier_of(found, ODS_SYSTEM) or (stated.get("value") if stated.get("system") == ODS_SYSTEM else None)
        return found.get("name") or reference.get("display"), code or target(reference)
