"""The use cases wired as the program wires them, on a store of their own, without HTTP."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from fhir_profiles import json
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from security.audit_batch import signing_key
from security.principal import NamedPerson, Principal, Purpose, Role
from service.api.routes import Services
from service.app import services_of
from service.backup.epoch import export_heads, new_epoch
from service.opening import Opened, open_service
from service.people import invented
from service.people.plans import plan
from service.people.traits import Traits
from service.record import transaction
from service.record.access import Caller
from service.record.changes import Change, Method
from service.record.read import Answered, EmergencySummary, ReadHistory, ReadResource, ReadVersion
from service.record.records import OpenRecord, Records
from service.record.subscribers import Subscriber
from service.record.urgent import Style
from service.record.write import Result, WriteRecord
from service.store.port import RecordStore
from service.verify.outside import Outside
from tests.running import demo_settings

Json = dict[str, Any]
OTHER_STYLE = Style.of("https://elsewhere.example.org", "")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FIRST = 600_000
"""People of these tests have indexes from here."""
MINE = ("id", "meta", "text")
"""The elements that are ours, not the sender's."""


def doctor(organisation: str = "ZZGP01", role: Role = Role.GP, purpose: Purpose = Purpose.TREAT) -> Caller:
    """Return a clinician of an organisation, who acts for themselves."""
    principal = Principal(
        client_id=f"client-of-{organisation}",
        organisation=organisation,
        role=role,
        purpose=purpose,
        registered_roles=frozenset({role}),
        scopes=frozenset({"system/*.cruds"}),
        token_id="token-1",
        issuer="tests",
        user=NamedPerson(f"user-of-{organisation}", "Dr Test"),
    )
    return Caller(principal, "request-1")


@dataclass(slots=True)
class House:
    """A service in one process: what it holds open, and its use cases."""

    opened: Opened
    services: Services
    path: Path

    @property
    def records(self) -> Records:
        """The records of the service."""
        return self.opened.records

    @property
    def writing(self) -> WriteRecord:
        """The use case that writes."""
        return self.services.interactions.write_record

    def on(self, store: RecordStore, *subscribers: Subscriber) -> House:
        """Return the same service on another store, with locks of its own, as another process has them."""
        opened = replace(self.opened, store=store, records=replace(self.opened.records, store=store))
        return House(opened, services_of(opened, subscribers), self.path)

    def telling(self, *subscribers: Subscriber) -> House:
        """Return the same service with somebody who hears of changes, as another process."""
        return self.on(self.opened.store, *subscribers)

    async def post(self, bundle: Json, caller: Caller | None = None) -> list[str]:
        """Write a transaction and return the reference of each entry."""
        written = await self.writing(caller or doctor(), transaction.changes_of(deepcopy(bundle)), "transaction")
        return [result.reference for result in written.results]

    async def write(self, *changes: Change, caller: Caller | None = None) -> list[Result]:
        """Write changes and return what became of each."""
        return (await self.writing(caller or doctor(), list(changes), "transaction")).results

    async def read(self, reference: str, caller: Caller | None = None) -> Json:
        """Read the current version of a resource."""
        return decoded(await self._ask(ReadResource(*reference.split("/")), caller))[0]

    async def vread(self, reference: str, version: int, caller: Caller | None = None) -> Json:
        """Read one version of a resource."""
        kind, id = reference.split("/")
        return decoded(await self._ask(ReadVersion(kind, id, version), caller))[0]

    async def history(self, reference: str, caller: Caller | None = None) -> list[tuple[int, Json]]:
        """Read every version of a resource, newest first; a deletion is an OperationOutcome."""
        answered = await self._ask(ReadHistory(*reference.split("/")), caller)
        return [(item.version, json.decode(item.body)) for item in answered.released.items]

    async def emergency(self, nhs_number: str, caller: Caller | None = None) -> list[Json]:
        """Read what the emergency answer is made from, resource by resource (not the answer that lies ready)."""
        return decoded(await self.ask_in_emergency(nhs_number, caller, style=OTHER_STYLE))

    async def ask_in_emergency(
        self, nhs_number: str, caller: Caller | None = None, *, style: Style | None = None, at: datetime | None = None
    ) -> Answered:
        """Ask the emergency question; another style than the service's own sets aside what lies ready."""
        question = EmergencySummary(nhs_number, at or self.opened.clock(), style or self.services.operations.style)
        return await self._ask(question, caller)

    async def record_of(self, nhs_number: str) -> OpenRecord:
        """Open the record of a person."""
        found = await self.records.by_nhs_number(nhs_number)
        assert found is not None
        return found

    async def _ask(self, question: Any, caller: Caller | None) -> Answered:
        return await self.services.interactions.read_record(caller or doctor(), question)

    def tamper(self, change: Callable[[sqlite3.Connection], Any]) -> None:
        """Change the database behind the service's back."""
        connection = sqlite3.connect(self.path)
        with connection:
            change(connection)
        connection.close()


@asynccontextmanager
async def house(home: Path, path: Path) -> AsyncIterator[House]:
    """Open a service on the keys of `home` and the database `path`."""
    opened = await open_service(demo_settings(home, 8000, EPACCS_STORE=f"sqlite://{path}"))
    try:
        yield House(opened, services_of(opened), path)
    finally:
        await opened.store.close()


async def begin_epoch(opened: House, number: int, heads: Path, *erased: bytes) -> None:
    """Begin an epoch as the command does."""
    service = opened.opened
    key, store = signing_key(service.keys.audit_signing_pem), service.store
    outside = Outside(heads, "")
    begun = await new_epoch(store, number, NOW, NOW, erased, outside, key, service.settings.tenant)
    begun.make_known()
    await store.begin_epoch(begun.stored)
    await export_heads(store, begun, lambda: NOW)


def decoded(answered: Answered) -> list[Json]:
    """Return the released resources."""
    return [json.decode(item.body) for item in answered.released.items]


def person(index: int, **traits: Any) -> tuple[str, Json]:
    """Return NHS number and whole plan of an invented person."""
    number = invented.nhs_number(FIRST + index)
    return number, plan(Random(f"record:{index}"), number, Traits(**traits), NOW)


def patient(index: int, **more: Any) -> tuple[str, Json]:
    """Return NHS number and Patient of an invented person with nothing else."""
    number = invented.nhs_number(FIRST + index)
    return number, {
        "resourceType": "Patient",
        "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": number}],
        "name": [{"use": "official", "family": "Testley", "given": ["Ada"]}],
        "birthDate": "1940-05-06",
        **more,
    }


def create(resource: Json) -> Change:
    """Return the change that creates a resource."""
    kind = resource["resourceType"]
    return Change(Method.CREATE, kind, kind, deepcopy(resource))


def update(reference: str, version: int, resource: Json) -> Change:
    """Return the change that replaces version `version`."""
    kind, id = reference.split("/")
    return Change(Method.UPDATE, kind, kind, {**deepcopy(resource), "id": id}, id=id, if_match=version)


def delete(reference: str, version: int) -> Change:
    """Return the change that deletes version `version`."""
    kind, id = reference.split("/")
    return Change(Method.DELETE, kind, kind, id=id, if_match=version, reason="Recorded for another person")


def note(subject: str, words: str, **more: Any) -> Json:
    """Return a small clinical resource that says something: a score with words."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Comfort"},
        "subject": {"reference": subject},
        "effectiveDateTime": "2026-03-01T10:00:00Z",
        "valueString": words,
        **more,
    }


def sent(resource: Json, references: dict[str, str] | None = None) -> Any:
    """Return what must come back of a resource: all but id, meta and narrative; URNs as the ids they became."""
    return exact({key: value for key, value in resource.items() if key not in MINE}, references or {})


def exact(value: Any, references: dict[str, str]) -> Any:
    """Make values comparable to the digit: 1.10 and 1.1 differ, and 1 and true."""
    if isinstance(value, dict):
        return {key: exact(item, references) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item, references) for item in value]
    if isinstance(value, str):
        return references.get(value, value)
    return (type(value).__name__, str(value)) if isinstance(value, Decimal | int | float) else value


def by_urn(bundle: Json, references: Sequence[str]) -> dict[str, str]:
    """Return the reference that each `urn:uuid` of a transaction became."""
    return {entry["fullUrl"]: made for entry, made in zip(bundle["entry"], references, strict=True)}
