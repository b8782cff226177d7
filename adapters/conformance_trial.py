"""One run of the conformance pack: a synthetic person, a small plan, and what the partner confirmed of it.

It does by hand what the engine does: parcels that say what is held already, and a ledger of receipts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from adapters.base import Adapter, Cause, HeldThere, Message, Parcel, Put, Receipt, Removal, Resource, Whom
from adapters.conformance_rules import NotApplicable
from adapters.partners import Partner
from adapters.surroundings import Surroundings
from fhir_profiles.errors import InvalidNhsNumber
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, SDS_USER_SYSTEM, NhsNumber
from fhir_profiles.json import encode
from fhir_profiles.terminology import SNOMED, display_of
from security.clock import instant

SYNTHETIC = "999"
"""NHS numbers that begin so are for tests and never given to anybody."""
DEFAULT_PERSON: Resource = {
    "resourceType": "Patient",
    "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": "9999999980"}],
    "name": [{"use": "official", "family": "Conformance", "given": ["Testcase"]}],
    "birthDate": "1940-02-29",
}
_PLACES = ("110481000000108", "108401000000102", "109401000000108")
_SUBSTANCES = ("Latex (synthetic test entry)", "Nickel (synthetic test entry)", "Wool (synthetic test entry)")


def problem_of(person: Resource) -> str:
    """Return what is wrong with a person for a conformance run, '' for nothing. It repeats nothing of them."""
    try:
        number = NhsNumber.of(person)
    except (InvalidNhsNumber, AttributeError, TypeError):
        number = None
    if number is None or not number.value.startswith(SYNTHETIC):
        return f"the person needs an NHS number of the range for tests ({SYNTHETIC}...): this is for no real record"
    names = person.get("name")
    if not (isinstance(names, list) and names and isinstance(names[0], dict) and names[0].get("family")):
        return "the person needs a family name"
    if not isinstance(person.get("birthDate"), str):
        return "the person needs a birth date"
    return ""


class Sight(Protocol):
    """A look at the partner's test system beside the adapter. Where it cannot be had, methods raise NotApplicable.

    `keeps`: it holds resources, which an update replaces; else each parcel is one more thing to be found.
    """

    keeps: bool

    async def look(self, trial: Trial) -> Mapping[str, str]:
        """Return what is there of this run, by a name of each, with what tells its versions apart."""

    async def changes(self, trial: Trial, reference: str, resource: Resource) -> None:
        """Let the partner change what it holds, or send something, as its own people would."""

    def cursor(self, trial: Trial) -> str:
        """Return from where to ask for what is new since this run began."""

    async def clean(self, trial: Trial) -> list[str]:
        """Take away what is left of this run; return sentences about what cannot be."""

    async def close(self) -> None:
        """Let go of connections."""


@dataclass(slots=True)
class Trial:
    """A run. `fresh` makes an adapter as after a start; `run` is part of every id of ours."""

    partner: Partner
    surroundings: Surroundings
    person: Resource = field(repr=False)
    run: str
    sight: Sight
    fresh: Callable[[], Adapter]
    adapter: Adapter
    held: dict[str, HeldThere] = field(default_factory=dict)
    sequence: int = 0
    whole: dict[str, Resource] = field(default_factory=dict, repr=False)
    """What the partner may hold now, by our references."""
    first: Parcel | None = None
    """The parcel that gave the plan."""
    turn: str = ""
    """Tells one create of a kind's own rules from the next."""
    began: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.person = {**self.person, "id": self.run, "meta": {"versionId": "1"}}
        self.began = self.surroundings.clock() - timedelta(seconds=1)

    @property
    def patient(self) -> str:
        """Our reference of the person."""
        return f"Patient/{self.run}"

    @property
    def whom(self) -> Whom:
        """The person as they are compared."""
        number = NhsNumber.of(self.person)
        assert number is not None
        return Whom(number.value, str(self.person["name"][0]["family"]), str(self.person["birthDate"]))

    def plan(self, turn: int = 0, name: str = "plan") -> list[Resource]:
        """Return the resources of the plan in one of three wordings; `name` tells one plan from another."""
        return [self.place(turn, name), self.allergy(turn, name)]

    def place(self, turn: int = 0, name: str = "plan") -> Resource:
        """Return a preferred place of death."""
        code, now = _PLACES[turn], instant(self.began)
        return {
            "resourceType": "Observation",
            "id": f"{self.run}-place-{name}",
            "meta": {"versionId": str(turn + 1)},
            "status": "final",
            "code": _concept("395091006"),
            "subject": {"reference": self.patient},
            "effectiveDateTime": now[:19] + "Z",
            "performer": [
                {
                    "type": "Practitioner",
                    "identifier": {"system": SDS_USER_SYSTEM, "value": "555500000099"},
                    "display": "Conformance run",
                }
            ],
            "valueCodeableConcept": _concept(code),
        }

    def allergy(self, turn: int = 0, name: str = "plan") -> Resource:
        """Return an allergy."""
        system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
        return {
            "resourceType": "AllergyIntolerance",
            "id": f"{self.run}-allergy-{name}",
            "meta": {"versionId": str(turn + 1)},
            "clinicalStatus": {"coding": [{"system": system, "code": "active"}]},
            "code": {"text": _SUBSTANCES[turn]},
            "patient": {"reference": self.patient},
        }

    def again(self, reference: str, turn: int) -> Resource:
        """Return a resource that was given, in another wording."""
        name = reference.rpartition("-")[2]
        return self.place(turn, name) if reference.startswith("Observation/") else self.allergy(turn, name)

    @property
    def address(self) -> str:
        """What stands for the person in the address of their plan."""
        return hashlib.sha256(self.run.encode()).hexdigest()[:32]

    def parcel(self, *resources: Resource, gone: Iterable[str] = ()) -> Parcel:
        """Return the parcel that brings the partner to `resources`, and takes away what is `gone`."""
        self.sequence += 1
        puts = []
        for one in resources:
            reference = f"{one['resourceType']}/{one['id']}"
            puts.append(Put(reference, one, _digest(one), self.held.get(reference)))
        gone = tuple(gone)
        self.whole |= {put.reference: put.resource for put in puts}
        self.whole = {reference: one for reference, one in self.whole.items() if reference not in gone}
        return Parcel(
            key=f"{self.run}-{self.sequence}",
            subject=self.run,
            sequence=self.sequence,
            cause=Cause.CHANGE,
            committed=instant(self.surroundings.clock()),
            patient=self.person,
            puts=tuple(puts),
            removals=tuple(Removal(one, self.held[one]) for one in gone),
            known={ours: there.theirs for ours, there in self.held.items() if there.theirs},
            notes=(),
            address=self.address,
            plan=tuple(self.whole.values()),
        )

    async def give(self, parcel: Parcel, adapter: Adapter | None = None, *, forget: bool = False) -> list[Receipt]:
        """Let the partner carry a parcel; remember what it confirms, unless that is to be forgotten."""
        receipts = []
        async for receipt in (adapter or self.adapter).give(parcel):
            receipts.append(receipt)
            if forget:
                continue
            if receipt.there is None:
                self.held.pop(receipt.reference, None)
            else:
                self.held[receipt.reference] = receipt.there
        return receipts

    async def with_fresh(self, work: Callable[[Adapter], Awaitable[Any]]) -> Any:
        """Do something with an adapter that remembers nothing, as after a start."""
        adapter = self.fresh()
        try:
            return await work(adapter)
        finally:
            await adapter.close()

    def carried(self) -> list[str]:
        """Return our references of what the partner holds from us; raise NotApplicable where that is nothing."""
        found = [
            reference
            for reference, there in self.held.items()
            if reference != self.patient and there.made and (there.theirs or not self.sight.keeps)
        ]
        if not found:
            raise NotApplicable("nothing of the plan of this run is there")
        return found

    async def news(self) -> list[Message]:
        """Return what the partner sends since this run began."""
        messages: list[Message] = []
        cursor = self.sight.cursor(self)
        for _ in range(_MOST_POLLS):
            polled = await self.adapter.poll(cursor)
            messages += polled.messages
            if not polled.more or polled.cursor == cursor:
                break
            cursor = polled.cursor
        return messages


_MOST_POLLS = 20


def _concept(code: str) -> Resource:
    display = display_of(SNOMED, code)
    return {"coding": [{"system": SNOMED, "code": code, **({"display": display} if display else {})}]}


def _digest(resource: Resource) -> bytes:
    content = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    return hashlib.sha256(encode(content)).digest()[:16]
