"""A house with a past, a verifier of it, and the means of somebody who can write the whole database."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from security.audit import AuditSealer
from security.audit_batch import signing_key
from security.envelope import Envelope
from service.record.records import Records
from service.store.port import RecordStore
from service.verify.export import HeadsExporter
from service.verify.exported import Exported, read_exported
from service.verify.findings import Finding
from service.verify.outside import Outside
from service.verify.run import Kept, ResumeFile, Verification
from tests.running import demo_settings
from tests.service.record.house import House, create, doctor, house, note, patient, update

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Verifier:
    """Verifies the records of a house, as `epaccs verify` does, and exports heads as the service does."""

    house: House
    folder: Path
    page: int = 100
    told: list[tuple[str, int, float]] = field(default_factory=list)

    @property
    def heads_file(self) -> Path:
        return self.folder / "heads.jsonl"

    def of(self, store: RecordStore, heads: Path | None = None) -> Verification:
        opened = self.house.opened
        envelope = Envelope(opened.keys, opened.settings.tenant)
        records = Records(store, envelope, opened.records.heads, opened.records.index)
        sealer = AuditSealer(opened.keys.audit_seal, opened.settings.tenant)
        return Verification(
            store,
            records,
            sealer,
            opened.keys.audit_chain,
            signing_key(opened.keys.audit_signing_pem).public_key(),
            opened.settings.tenant,
            self.read(heads) if heads else Exported(),
            ResumeFile(self.folder / "verify.state", "this database"),
            lambda *said: self.told.append(said),
            page=self.page,
            kept=Kept("this database"),
        )

    def read(self, heads: Path) -> Exported:
        opened = self.house.opened
        return read_exported(heads, signing_key(opened.keys.audit_signing_pem).public_key(), opened.settings.tenant)

    async def findings(self, heads: Path | None = None, store: RecordStore | None = None) -> list[Finding]:
        return await self.of(store or self.house.opened.store, heads).run()

    def exporter(self, store: RecordStore | None = None, clock: Callable[[], datetime] = lambda: NOW) -> HeadsExporter:
        opened = self.house.opened
        key = signing_key(opened.keys.audit_signing_pem)
        tenant, every = opened.settings.tenant, timedelta(minutes=5)
        return HeadsExporter(store or opened.store, key, tenant, clock, Outside(self.heads_file, ""), every)


@pytest.fixture(scope="session")
def keys_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with keys and clients; every test brings a database of its own."""
    home = tmp_path_factory.mktemp("keys")
    demo_settings(home, 8000)
    return home


@dataclass
class Past:
    """Two people with a past: `one` has replaced versions and a photograph in pieces; both are read now and then."""

    one: bytes
    other: bytes
    number: str
    note: str
    subject: str


@pytest.fixture
async def service_house(keys_home: Path, tmp_path: Path) -> AsyncIterator[House]:
    async with house(keys_home, tmp_path / "records.sqlite") as opened:
        yield opened


@pytest.fixture
def verifier(service_house: House, tmp_path: Path) -> Verifier:
    return Verifier(service_house, tmp_path)


@pytest.fixture
async def past(service_house: House) -> Past:
    return await lived(service_house)


async def lived(service_house: House) -> Past:
    """Give a house its past: sequences 1 to 4 of one person, 1 and 2 of another, and an incident register."""
    number, someone = patient(700, photo=[{"contentType": "image/png", "data": letter * 40_000} for letter in "AB"])
    (subject,) = await service_house.write(create(someone))
    (made,) = await service_house.write(create(note(subject.reference, "one")))
    await service_house.write(update(made.reference, 1, note(subject.reference, "two")))
    await service_house.write(update(made.reference, 2, note(subject.reference, "three")))
    other_number, another = patient(701)
    (other_subject,) = await service_house.write(create(another))
    await service_house.write(create(note(other_subject.reference, "other")))
    await service_house.emergency(number)
    await service_house.emergency(other_number)
    incidents = service_house.services.operations.incidents
    await incidents.open(doctor("ZZCR01"), number, "ZZAMB1", "INC-1")
    one, other = await service_house.record_of(number), await service_house.record_of(other_number)
    assert (one.sequence, other.sequence) == (4, 2)
    return Past(one.record_id, other.record_id, number, made.reference, subject.reference)


def rows(path: Path, query: str, *parameters: Any) -> list[Any]:
    """Look into the database."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, parameters).fetchall()


def snapshot(path: Path) -> bytes:
    """Return the whole database, the write-ahead log included."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.serialize()


def put_back(path: Path, content: bytes) -> None:
    """Put a whole database in the place of what is there, while nobody has it open."""
    for beside in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        beside.unlink(missing_ok=True)
    path.write_bytes(content)
