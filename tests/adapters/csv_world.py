"""The care home of the CSV tests: the shipped mapping, its rows, its folders and its keys."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from joserfc import jwe
from joserfc.jwk import ECKey, Key

from adapters.csv_drop import CsvAdapter
from adapters.csv_mapping import RowMapping, read_mapping
from adapters.partners import Description, Owner, Partner
from adapters.registry import Surroundings, kind_of
from tests.running import REPOSITORY

MAPPING_FILE = REPOSITORY / "adapters/mappings/care-home.json"
PERSON = {"nhs_number": "9990000018", "family_name": "Exampleby", "date_of_birth": "1941-05-02"}
CLINICIAN = {
    "clinician_id": "555500000077",
    "clinician_name": "Dr Tamsin Invented",
    "clinician_role": "General practitioner",
    "clinician_organisation": "ZZGP01",
}
CPR = {
    "action": "put",
    "record_id": "r-1",
    "changed_at": "2026-11-02T15:00:00Z",
    **PERSON,
    "item": "CPR decision",
    "decided_at": "2026-11-02T14:30:00Z",
    **CLINICIAN,
    "cpr": "do not attempt",
    "basis": "clinical recommendation",
    "note": "CPR would not work.",
}
PLACE = {
    "action": "put",
    "record_id": "r-2",
    "changed_at": "2026-11-02T15:00:00Z",
    **PERSON,
    "item": "Preferred place of death",
    "decided_at": "2026-11-01T10:00:00+00:00",
    "clinician_id": "555500000077",
    "place": "care home",
}
CONTACT = {
    "action": "put",
    "record_id": "r-3",
    "changed_at": "2026-11-02T15:00:00Z",
    **PERSON,
    "item": "Key contact",
    "contact_family_name": "Exampleby",
    "contact_given_name": "Rowan",
    "contact_phone": "+44 7700 900001",
    "contact_relationship": "son",
}


def shipped() -> RowMapping:
    """Return the mapping that comes with the product."""
    mapping, problems = read_mapping(MAPPING_FILE)
    assert mapping is not None, problems
    return mapping


MAPPING = shipped()


def file_of(*rows: Mapping[str, str], columns: list[str] | None = None) -> bytes:
    """Return a file as a careful partner makes it."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns or list(MAPPING.columns), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


@dataclass
class Home:
    """A partner with both folders, and the keys of both sides."""

    folder: Path
    partner_key: Key
    own_key: Key

    @property
    def incoming(self) -> Path:
        """Where the partner drops files."""
        return self.folder / "in"

    @property
    def outgoing(self) -> Path:
        """Where the partner finds files."""
        return self.folder / "out"

    def partner(self, **changes: Any) -> Partner:
        """Return the description; `changes` are of its settings, or of itself where it has such a member."""
        members: dict[str, Any] = {"gets": True, "sends": True, "mapping": str(MAPPING_FILE)}
        members |= {name: changes.pop(name) for name in list(changes) if name in members}
        settings: dict[str, Any] = {
            "incoming": "in",
            "outgoing": "out",
            "partner_key": "partner.jwk",
            "own_key": "own.jwk",
        }
        settings |= {"plain": True, **changes}
        owner = Owner("Desk", "ZZHOM")
        description = Description(
            name="home", kind="csv", title="Home", client="home", owner=owner, settings=settings, **members
        )
        return Partner(description, self.folder)

    def adapter(self, **changes: Any) -> CsvAdapter:
        """Return a fresh adapter, as after a start."""
        partner = self.partner(**changes)
        surroundings = Surroundings(lambda: datetime(2026, 11, 2, tzinfo=UTC), "https://record.test/fhir/R4", b"")
        adapter = kind_of(partner).adapter(partner, surroundings)
        assert isinstance(adapter, CsvAdapter)
        return adapter

    def drop(self, name: str, content: bytes) -> None:
        """Drop a file as the guide says: written under another name, then renamed."""
        part = self.incoming / f"{name}.part"
        part.write_bytes(content)
        part.rename(self.incoming / name)

    def sealed(self, content: bytes) -> bytes:
        """Return a file as the partner seals it for us."""
        header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}
        return jwe.encrypt_compact(header, content, self.own_key, algorithms=list(header.values())).encode()

    def opened(self, path: Path) -> list[dict[str, str]]:
        """Return the rows of a file out, as the partner reads it."""
        registry = jwe.JWERegistry(algorithms=["ECDH-ES+A256KW", "RSA-OAEP-256", "A256GCM"])
        content = jwe.decrypt_compact(path.read_bytes(), self.partner_key, registry=registry).plaintext
        assert content is not None
        return list(csv.DictReader(io.StringIO(content.decode(), newline="")))

    def reports(self) -> dict[str, list[list[str]]]:
        """Return the reports of refused files by name, without their header."""
        found = (self.incoming / "refused").glob("*.report.csv")
        return {one.name: list(csv.reader(one.read_text().splitlines()))[1:] for one in found}


def make_home(folder: Path, partner_key: Key | None = None) -> Home:
    """Make folders and keys."""
    home = Home(folder, partner_key or ECKey.generate_key("P-256", {"kid": "home-1"}), ECKey.generate_key("P-256"))
    home.incoming.mkdir()
    home.outgoing.mkdir()
    (folder / "partner.jwk").write_text(json.dumps(home.partner_key.as_dict(private=False)))
    own = folder / "own.jwk"
    own.touch(mode=0o600)
    own.write_text(json.dumps(home.own_key.as_dict(private=True)))
    return home
