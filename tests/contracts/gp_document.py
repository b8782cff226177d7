"""A practice and its MESH for the contract of partners: real sockets and mutual TLS, both sides of them apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec

from adapters.base import Adapter, Parcel
from adapters.errors import OutsideError
from adapters.notes import NotesInMemory
from adapters.partners import Description, Limits, Owner, Partner
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from security.clock import system_clock
from tests.adapters.certificates import Authority
from tests.adapters.gp_document_world import REPLIES, SETTINGS, WORKFLOW, document
from tests.adapters.mesh_front import Front, serving
from tests.adapters.mesh_rules import Known
from tests.adapters.mesh_small import OURS, PASSWORD, SHARED_KEY, THEIRS, SmallMesh
from tests.contracts.people import BORN, Books, books_of
from tests.standins.gpdocument import strictly_read


@dataclass(frozen=True, slots=True)
class Standing:
    """A MESH that stands at `front`; `folder` holds the files that a description names."""

    mesh: SmallMesh
    front: Front
    folder: Path


@contextmanager
def standing(folder: Path) -> Iterator[Standing]:
    """Run a small MESH behind mutual TLS until the block ends."""
    mesh = SmallMesh(system_clock)
    mesh.rules.workflows |= {WORKFLOW, REPLIES}
    mesh.rules.people |= {one.number: Known(BORN.replace("-", ""), one.whom.family, THEIRS) for one in _everybody()}
    authority = Authority(folder)
    authority.certify("ours")
    for name, text in (("password", PASSWORD), ("shared-key", SHARED_KEY)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    authority.ca.rename(folder / "ca.pem")
    front = Front(httpx.MockTransport(mesh), "https://mesh.test")
    with serving(front, authority.certify("mesh.test"), folder / "ca.pem") as served:
        yield Standing(mesh, served, folder)


def _everybody() -> Iterator[Books]:
    """Yield whoever a test of the contract may be about, as PDS has them."""
    return (books_of(index) for index in range(700_000, 700_200))


def described(base: str, folder: Path, **changed: Any) -> Partner:
    """Return a description with its files in `folder`."""
    mesh = {
        "base": base,
        "mailbox": OURS,
        "password_file": "password",
        "shared_key_file": "shared-key",
        "certificate_file": "ours.pem",
        "key_file": "ours.key",
        "ca_file": "ca.pem",
    }
    said = msgspec.to_builtins(SETTINGS)
    settings = {**said, "mesh": mesh, "local_id": "unique", **changed}
    told = Description(
        name="surgery",
        kind="gp-document",
        title="Exampleton Surgery",
        client="surgery",
        owner=Owner("Desk", "ZZHSP1"),
        sends=True,
        limits=Limits(poll_every=310),
        settings=settings,
    )
    return Partner(told, folder)


@dataclass
class Surgery:
    """A practice that reads what our side sends. `notes` outlive our side."""

    standing: Standing
    notes: NotesInMemory = field(default_factory=NotesInMemory)

    def adapter(self, base: str = "") -> Adapter:
        """Return a fresh adapter, as after a start."""
        partner = described(base or self.standing.front.base, self.standing.folder)
        around = Surroundings(
            system_clock, "https://ours.example/fhir/R4", b"", notes=lambda _: self.notes, document=document
        )
        return kind_of(partner).adapter(partner, around)

    def documents(self, number: str) -> list[str]:
        """Return the documents about a person, each read as strictly as the practice does."""
        held = [one for one in self.standing.mesh.held.values() if one.to == THEIRS and one.status == "accepted"]
        found = [strictly_read(one.content, one.headers)[0] for one in held]
        return [one.document for one in found if one.nhs_number == number]

    async def lose(self, adapter: Adapter, parcel: Parcel) -> None:
        """Give a parcel so that MESH has it, and its answer never arrives."""
        self.standing.front.faults.append("lost")
        try:
            async for _ in adapter.give(parcel):
                raise AssertionError("nothing is confirmed without an answer")
        except OutsideError:
            return
        raise AssertionError("a lost answer is a failure")
