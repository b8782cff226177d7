"""One person with a pointer, a practice, a control room and a hospice: what each knows, whatever becomes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from adapters.control_room import ControlRoomAdapter
from adapters.gp_document import GpDocumentAdapter
from adapters.gp_document_notes import DocumentNotes
from adapters.http import HttpClient, strict_tls
from adapters.mesh import Mailbox
from adapters.mesh_authorization import Credentials
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from fhir_profiles.identifiers import ODS_SYSTEM
from service.sync.members import Member
from service.sync.notes import NotePages
from tests.adapters import nrl_world
from tests.adapters.gp_document_world import REPLIES, SETTINGS, WORKFLOW, document
from tests.adapters.mesh_rules import Known
from tests.adapters.mesh_small import BASE, OURS, PASSWORD, SHARED_KEY, THEIRS, SmallMesh
from tests.adapters.nrl_world import ORGANISATION, death
from tests.journeys.people import explained
from tests.service.record.house import Json, person, update
from tests.service.sync.consents import sharing_consent
from tests.service.sync.control_rooms import AMBULANCE, ROOM, Wire
from tests.service.sync.partner import Place, member
from tests.service.sync.test_gp_document import NAME as SURGERY
from tests.service.sync.test_gp_document import surgery
from tests.service.sync.test_nrl_journeys import CONFIDENTIALITY, locator
from tests.service.sync.test_told import cpr_of
from tests.service.sync.world import World, world
from tests.standins.gpdocument import Filed, Practice, reply
from tests.standins.nrl import TOKEN, Nrl, nrl_server
from tests.standins.nrl_tokens import Tokens

HOME = {"use": "home", "line": ["1 Example Road"], "postalCode": "ZZ99 1AA"}


@dataclass
class Everybody:
    """A service, and all who are told of one person."""

    opened: World
    nrl: Nrl
    mesh: SmallMesh
    practice: Practice
    wire: Wire
    hospice: Place
    number: str = ""
    references: tuple[str, ...] = ()

    async def signs(self, index: int) -> None:
        """Let a practice write the plan of somebody whom all of them care for."""
        self.number, bundle = person(index, place="hospice")
        patient, team = (
            next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == kind)
            for kind in ("Patient", "CareTeam")
        )
        patient["address"] = [HOME]
        there = {"type": "Organization", "identifier": {"system": ODS_SYSTEM, "value": AMBULANCE}}
        team["participant"] = [*team.get("participant", ()), {"member": there}]
        family = next(one["family"] for one in patient["name"] if one.get("use") == "official")
        self.mesh.rules.people[self.number] = Known(patient["birthDate"].replace("-", ""), family, THEIRS)
        self.references = tuple(await self.opened.house.post(bundle))
        await self.opened.run()

    @property
    def patient(self) -> str:
        """The reference of the person."""
        return next(one for one in self.references if one.startswith("Patient/"))

    async def becomes(self, reference: str, **members: Any) -> None:
        """Let the practice write the next version of a resource."""
        said = await self.opened.house.read(reference)
        meta = {**said["meta"], **members.pop("meta", {})}
        written = {**said, **members, "meta": meta}
        await self.opened.house.write(update(reference, int(said["meta"]["versionId"]), written))
        await self.opened.run()

    def documents(self) -> list[Filed]:
        """Let the practice read what waits and say that all is well; return all that it filed."""
        for held in self.mesh.waiting(THEIRS):
            self.practice.take(held.content, held.headers)
            held.status = "acknowledged"
            for code in ("20013", "30001"):
                said = reply(self.practice.filed[-1].reference, code, "ok")
                self.mesh.put(said, {"Mex-WorkflowID": REPLIES})
        return self.practice.filed

    def flags(self) -> list[str]:
        """Return the postcodes at which the control room has a flag now."""
        return self.wire.standing(self.opened.time.now)


@asynccontextmanager
async def everybody(keys: Path, home: Path) -> AsyncIterator[Everybody]:
    """Open a service with all of them; the record locator is on a real socket."""
    plain = member(ROOM, AMBULANCE, role="ambulance")
    room = Member(
        replace(plain.partner, description=msgspec.structs.replace(plain.description, kind="control-room")),
        plain.client,
    )

    def make(origin: str) -> Nrl:
        nrl = Nrl({ORGANISATION: {"736373009"}})
        nrl.tokens = Tokens(f"{origin}{TOKEN}", nrl_world.API_KEY, nrl_world.KEY)
        return nrl

    with nrl_server(make) as (origin, nrl):
        pointers = locator(origin, home / "partners")
        async with world(keys, home, pointers, surgery(), room, member()) as opened:
            assert nrl.tokens is not None
            clock, records = opened.time.clock, opened.house.records
            nrl.clock = nrl.tokens.clock = lambda: clock().timestamp()
            around = Surroundings(
                clock,
                "https://ours.example/fhir/R4",
                b"",
                private_addresses=True,
                notes=lambda name: NotePages.of(records, name),
            )
            mesh, wire = SmallMesh(clock), Wire()
            mesh.rules.workflows |= {WORKFLOW, REPLIES}
            http = HttpClient(tls=strict_tls(), transport=httpx.MockTransport(mesh))
            mailbox = Mailbox(http, BASE, Credentials(OURS, PASSWORD, SHARED_KEY), clock, 5.0)
            sent = DocumentNotes(NotePages.of(records, f"mesh.{OURS}.documents"))
            settings = msgspec.structs.replace(SETTINGS, local_id="unique")
            at_locator = kind_of(pointers.partner).adapter(pointers.partner, around)
            opened.engine = opened.another(
                {
                    pointers.name: at_locator,
                    SURGERY: GpDocumentAdapter(settings, mailbox, sent, document, clock),
                    ROOM: ControlRoomAdapter(wire, "https://record.test/fhir/R4", clock),  # type: ignore[arg-type]
                    "hospice": opened.places["hospice"],
                }
            )
            try:
                yield Everybody(opened, nrl, mesh, Practice(), wire, opened.places["hospice"])
            finally:
                await at_locator.close()


async def test_signed_and_each_of_them_knows_within_seconds(keys_home: Path, tmp_path: Path) -> None:
    async with everybody(keys_home, tmp_path) as all_:
        before = all_.opened.time.now
        await all_.signs(950)
        assert (all_.opened.time.now - before).total_seconds() < 5
        [pointer] = all_.nrl.pointers(all_.number)
        [filed] = all_.documents()
        assert filed.nhs_number == pointer["subject"]["identifier"]["value"] == all_.number
        assert all_.flags() == ["ZZ99 1AA"]
        assert any(one.startswith("Observation/") for one in all_.hospice.here)
        assert await all_.opened.waiting() == 0


async def test_a_decision_is_revoked_and_each_of_them_has_the_plan_without_it(keys_home: Path, tmp_path: Path) -> None:
    async with everybody(keys_home, tmp_path) as all_:
        await all_.signs(951)
        [first] = all_.documents()
        decision = await cpr_of(all_.opened, list(all_.references))
        await all_.becomes(decision, status="entered-in-error")
        _, second = all_.documents()
        assert second.replaces == first.document
        assert all_.hospice.now(decision)["status"] == "entered-in-error"
        assert len(all_.nrl.pointers(all_.number)) == 1, "what is behind it is new"


async def test_sharing_is_refused_and_nothing_leads_there_any_more(keys_home: Path, tmp_path: Path) -> None:
    async with everybody(keys_home, tmp_path) as all_:
        await all_.signs(952)
        assert len(all_.documents()) == 1
        consent = await sharing_consent(all_.opened, all_.references)
        moment = all_.opened.time.now.isoformat()
        said = (await all_.opened.house.read(consent))["policyRule"]["coding"][0]
        refused: Json = {
            "dateTime": moment,
            "policyRule": {"coding": [{**said, "code": "OPTOUT"}]},
            "provision": {"type": "deny"},
            "extension": [explained(all_.opened.time.now)],
        }
        await all_.becomes(consent, **refused)
        assert all_.nrl.pointers(all_.number) == []
        assert all_.flags() == []
        assert all_.hospice.here == {}
        assert len(all_.documents()) == 1, "nothing more is sent to the practice"
        [trouble] = await all_.opened.engine.board.troubles(SURGERY)
        assert trouble.urgent, "what the practice filed cannot be taken back, which a person has to see"


async def test_died_and_the_plan_is_closed(keys_home: Path, tmp_path: Path) -> None:
    async with everybody(keys_home, tmp_path) as all_:
        await all_.signs(953)
        extensions = [
            one
            for one in (await all_.opened.house.read(all_.patient)).get("extension", ())
            if "Death" not in one["url"]
        ]
        day = all_.opened.time.now.date().isoformat()
        await all_.becomes(all_.patient, deceasedDateTime=day, extension=[*extensions, death("2")])
        assert all_.nrl.pointers(all_.number) == []
        assert all_.flags() == []
        record = await all_.opened.house.record_of(all_.number)
        assert record.manifest.life == "formal_death"


@pytest.mark.parametrize(("flag", "there"), [("R", 1), ("V", 0)])
async def test_protected_and_nobody_is_told_a_place(keys_home: Path, tmp_path: Path, flag: str, there: int) -> None:
    async with everybody(keys_home, tmp_path) as all_:
        await all_.signs(954)
        assert all_.documents()[0].has_address
        security = [{"system": CONFIDENTIALITY, "code": flag}]
        await all_.becomes(all_.patient, meta={"security": security})
        assert all_.flags() == []
        assert len(all_.nrl.pointers(all_.number)) == there
        assert not any(one.has_address for one in all_.documents()[1:])
        assert len(all_.documents()) == 1 + there
        kept = str(all_.hospice.now(all_.patient)) if there else str(all_.hospice.here)
        assert "ZZ99 1AA" not in kept
        assert b"ZZ99" not in b"".join(one.body for one in all_.nrl.asked)
