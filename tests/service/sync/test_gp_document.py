"""A plan that changes here is a document at the practice; what went wrong is on the board; nothing is taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import msgspec
import pytest

from adapters.gp_document import GpDocumentAdapter
from adapters.gp_document_notes import DocumentNotes
from adapters.http import HttpClient, strict_tls
from adapters.mesh import Mailbox
from adapters.mesh_authorization import Credentials
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from service.sync.board import Trouble
from service.sync.members import Member
from service.sync.notes import NotePages
from tests.adapters.gp_document_world import REPLIES, SETTINGS, WORKFLOW, document
from tests.adapters.mesh_rules import Known
from tests.adapters.mesh_small import BASE, OURS, PASSWORD, SHARED_KEY, THEIRS, SmallMesh
from tests.service.record.house import Json, person, update
from tests.service.sync.consents import refusal
from tests.service.sync.partner import member
from tests.service.sync.world import World, world
from tests.standins.gpdocument import Filed, Practice, reply

NAME = "surgery"


@dataclass
class Village:
    """A service, MESH, and the practice at its other end."""

    opened: World
    mesh: SmallMesh
    practice: Practice = field(default_factory=Practice)

    def start(self) -> None:
        """Begin as a process that knows nothing but what is written down."""
        http = HttpClient(tls=strict_tls(), transport=httpx.MockTransport(self.mesh))
        mailbox = Mailbox(http, BASE, Credentials(OURS, PASSWORD, SHARED_KEY), self.opened.time.clock, 5.0)
        notes = DocumentNotes(NotePages.of(self.opened.house.records, f"mesh.{OURS}.documents"))
        settings = msgspec.structs.replace(SETTINGS, local_id="unique")
        adapter = GpDocumentAdapter(settings, mailbox, notes, document, self.opened.time.clock)
        self.opened.engine = self.opened.another({NAME: adapter})

    async def register(self, bundle: Json) -> list[str]:
        """Let a person be known to PDS and to the practice, and write their plan."""
        patient = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient")
        number = next(one["value"] for one in patient["identifier"] if one["system"] == NHS_NUMBER_SYSTEM)
        name = next(one for one in patient["name"] if one.get("use") == "official")
        self.mesh.rules.people[number] = Known(patient["birthDate"].replace("-", ""), name["family"], THEIRS)
        return await self.opened.house.post(bundle)

    def filed(self, *codes: str) -> list[Filed]:
        """Let the practice read what waits, and reply with `codes` instead of what it would say."""
        for held in self.mesh.waiting(THEIRS):
            replies = self.practice.take(held.content, held.headers)
            held.status = "acknowledged"
            instead = [reply(self.practice.filed[-1].reference, code, "fatal-error") for code in codes]
            for one in instead or replies:
                self.mesh.put(one, {"Mex-WorkflowID": REPLIES})
        return self.practice.filed

    async def troubles(self) -> list[Trouble]:
        """Return what people have to look at, once the practice's replies were read."""
        self.opened.time.forward(311)
        await self.opened.run()
        return await self.opened.engine.board.troubles(NAME)


def surgery() -> Member:
    """Return the practice's description and client."""
    found = member(NAME, sends=True, limits={"poll_every": 310.0})
    described = msgspec.structs.replace(found.description, kind="gp-document")
    return replace(found, partner=replace(found.partner, description=described))


@asynccontextmanager
async def village(keys: Path, home: Path) -> AsyncIterator[Village]:
    async with world(keys, home, surgery()) as opened:
        mesh = SmallMesh(opened.time.clock)
        mesh.rules.workflows |= {WORKFLOW, REPLIES}
        made = Village(opened, mesh)
        made.start()
        yield made


async def test_a_plan_that_changes_is_a_document_that_replaces_the_one_before(keys_home: Path, tmp_path: Path):
    async with village(keys_home, tmp_path) as made:
        _, bundle = person(41, place="hospice")
        references = await made.register(bundle)
        await made.opened.run()
        (first,) = made.filed()
        assert await made.troubles() == []
        patient = next(one for one in references if one.startswith("Patient/"))
        said = await made.opened.house.read(patient)
        await made.opened.house.write(
            update(patient, 1, {**said, "telecom": [{"system": "phone", "value": "01632 1"}]})
        )
        made.start()
        await made.opened.run(forward=60)  # until the lease of the process before is over
        _, second = made.filed()
        assert (second.replaces, second.version) == (first.document, "2")
        assert await made.troubles() == []
        await made.opened.run(forward=30)
        assert made.mesh.waiting(THEIRS) == made.mesh.waiting(OURS) == []


async def test_what_a_practice_refuses_is_on_the_board_with_a_sentence(keys_home: Path, tmp_path: Path):
    async with village(keys_home, tmp_path) as made:
        _, bundle = person(42, place="hospice")
        await made.register(bundle)
        await made.opened.run()
        (filed,) = made.filed("30002")
        (trouble,) = await made.troubles()
        assert trouble.reason.startswith("The patient is not known to the practice")
        assert filed.nhs_number not in trouble.reason
        assert [one.id for one in await made.troubles()] == [trouble.id]


async def test_a_missed_deadline_is_on_the_board_until_the_reply_comes_late(keys_home: Path, tmp_path: Path):
    async with village(keys_home, tmp_path) as made:
        _, bundle = person(44, place="hospice")
        await made.register(bundle)
        await made.opened.run()
        assert await made.troubles() == []
        made.opened.time.forward(6 * 86_400)
        (trouble,) = await made.troubles()
        assert trouble.reason.startswith("The practice's system did not reply within the deadline.")
        made.filed()
        await made.troubles()
        assert await made.troubles() == []


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_withdrawal_sends_nothing_and_people_are_asked_at_once(
    keys_home: Path, tmp_path: Path, restarted: bool
):
    async with village(keys_home, tmp_path) as made:
        _, bundle = person(43, place="hospice")
        references = await made.register(bundle)
        await made.opened.run()
        made.filed()
        await made.troubles()
        if restarted:
            made.start()
        await made.opened.house.write(await refusal(made.opened, references, "ZZHSP1"))
        await made.opened.run(forward=60)
        assert made.mesh.waiting(THEIRS) == []
        (trouble,) = await made.troubles()
        assert trouble.reason == "What was sent cannot be taken back from there: ask them to remove it."
        removals = made.opened.relay.removing.removals
        (asked,) = await removals.all()
        assert (asked.organisation, asked.partner, asked.confirmed, asked.told) == ("ZZHSP1", "", "", True)
