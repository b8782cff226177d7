"""Clients' Subscriptions: handshake, events in order with their numbers, and what consent and failures make of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_profiles.validation import validate
from service.record.errors import NotHere
from tests.adapters.receiving import Receiver, receiving
from tests.service.record.house import create, delete, note, update
from tests.service.sync.consents import permission, refusal
from tests.service.sync.hooked import WARD, events_of, hooked, notified, quiet, subscribing_of, subscription, system


@pytest.fixture
def endpoint() -> Iterator[Receiver]:
    """Return an endpoint that takes everything."""
    with receiving() as one:
        yield one


def of(references: list[str], kind: str) -> str:
    """Return the first reference of a type."""
    return next(one for one in references if one.startswith(f"{kind}/"))


async def test_it_is_active_once_its_endpoint_has_taken_the_handshake(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    async with hooked(keys_home, tmp_path) as opened:
        kept = await opened.subscriptions.create(system(), subscription(endpoint.port))
        await opened.run(10)
        assert not endpoint.received, "every process has to know of it first"
        assert (await opened.status(kept)).status == "requested"
        await opened.run(4)
        (handshake,) = endpoint.received
        assert (handshake.method, handshake.path) == ("POST", "/told")
        assert handshake.headers["authorization"] == "Bearer heliotrope-word"
        assert handshake.headers["content-type"] == "application/fhir+json"
        said = notified(handshake.body)
        assert (said.type, said.status, said.count, said.events) == ("handshake", "requested", 0, [])
        assert (await opened.status(kept)).status == "active"
        assert validate(said.bundle) == []


async def test_events_come_numbered_in_order_and_only_of_what_the_system_may_read(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    """Changes of the caseload are told by reference; a section that is closed to systems is not told of (5.7)."""
    async with hooked(keys_home, tmp_path) as opened:
        kept = await opened.made(subscription(endpoint.port))
        number, references = await opened.admitted(1)
        medicine = of(references, "MedicationRequest")
        await opened.run()
        first = events_of(endpoint)
        assert [event for event, _ in first] == list(range(1, len(first) + 1))
        assert medicine in [focus for _, focus in first]
        closed = set(references) - {focus for _, focus in first}
        assert closed, "a plan holds what no system may read"
        for hidden in closed:
            with pytest.raises(NotHere):
                await opened.house.read(hidden, system())
        await opened.note_again(medicine, "Said once")
        await opened.run()
        await opened.house.write(delete(medicine, 2))
        await opened.run()
        again = events_of(endpoint)[len(first) :]
        assert again == [(len(first) + 1, medicine), (len(first) + 2, medicine)]
        for one in endpoint.received:
            assert validate(notified(one.body).bundle) == []
            assert number.encode() not in one.body
        entries = await opened.sent_entries(number)
        assert f"{medicine}/_history/2" in [reference for entry in entries for reference in entry.references]
        assert {(entry.client_id, entry.organisation, entry.role) for entry in entries} == {
            (WARD.client_id, "ZZHSP1", "system")
        }
        box = await opened.subscriptions.status(system(), kept.id)
        counted = next(one for one in box["parameter"] if one["name"] == "events-since-subscription-start")
        assert counted["valueString"] == str(len(first) + 2)
        assert await opened.world.waiting() == 0


async def test_for_one_person_and_one_type(keys_home: Path, tmp_path: Path, endpoint: Receiver) -> None:
    async with hooked(keys_home, tmp_path) as opened:
        _, references = await opened.admitted(2)
        _, others = await opened.admitted(3)
        patient = of(references, "Patient")
        await opened.made(subscription(endpoint.port, f"MedicationRequest?patient={patient}"))
        for medicine in (of(others, "MedicationRequest"), of(references, "MedicationRequest")):
            await opened.note_again(medicine, "Said again")
        await opened.house.write(create(note(patient, "Comfortable today")))
        await opened.run()
        assert events_of(endpoint) == [(1, of(references, "MedicationRequest"))]


async def test_of_somebody_who_is_not_cared_for_there_nothing_is_told(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    """A subscription to a person of others, or to nobody, is made like any other and stays silent."""
    async with hooked(keys_home, tmp_path) as opened:
        _, references = await opened.admitted(4)
        elsewhere = system(next(one for one in opened.opened.registry if one.client_id == "elsewhere-system"))
        there = await opened.made(subscription(endpoint.port, of(references, "Patient")), elsewhere)
        nobody = await opened.made(subscription(endpoint.port, "Patient/nobody-at-all"), elsewhere)
        await opened.note_again(of(references, "MedicationRequest"), "Not for elsewhere")
        await opened.run(2)
        assert events_of(endpoint) == []
        known = [await opened.subscriptions.read(elsewhere, one.id) for one in (there, nobody)]
        assert [one.status for one in known] == ["active", "active"]
        assert await opened.world.waiting() == 0


async def test_after_a_refusal_nothing_is_told_not_even_what_waited(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    """Dissent between a commit and its sending: no last message, no number is missing, and it begins again later."""
    async with hooked(keys_home, tmp_path) as opened:
        await opened.made(subscription(endpoint.port))
        _, references = await opened.admitted(5)
        medicine = of(references, "MedicationRequest")
        await opened.run()
        before = len(events_of(endpoint))
        assert before
        await opened.note_again(medicine, "Waits when the person refuses")
        await opened.house.write(await refusal(opened.world, references, "ZZHSP1"))
        await opened.run(3)
        assert len(events_of(endpoint)) == before
        assert await opened.world.waiting() == 0
        await opened.house.write(await permission(opened.world, references, 2))
        await opened.note_again(medicine, "After it is permitted again")
        await opened.run(1)
        assert events_of(endpoint)[before:] == [(before + 1, medicine)]


async def test_a_refusal_while_the_endpoint_is_down_keeps_back_what_had_a_number(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    async with hooked(keys_home, tmp_path) as opened:
        await opened.made(subscription(endpoint.port))
        _, references = await opened.admitted(6)
        medicine = of(references, "MedicationRequest")
        await opened.run()
        before = len(endpoint.received)
        endpoint.answers = [(503, {}, b"")]
        await opened.note_again(medicine, "Tried once, not taken")
        await opened.run()
        tried = len(endpoint.received)
        assert tried == before + 1
        await opened.house.write(await refusal(opened.world, references, "ZZHSP1"))
        endpoint.answers = [(200, {}, b"")]
        await opened.run(30)
        assert len(endpoint.received) == tried
        assert await opened.world.waiting() == 0


async def test_what_was_not_taken_comes_again_with_its_number_and_before_what_is_newer(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    async with hooked(keys_home, tmp_path) as opened:
        await opened.made(subscription(endpoint.port))
        _, references = await opened.admitted(7)
        _, others = await opened.admitted(8)
        await opened.run()
        before = len(events_of(endpoint))
        endpoint.answers = [(500, {}, b""), (429, {"Retry-After": "9"}, b""), (200, {}, b"")]
        await opened.note_again(of(references, "MedicationRequest"), "First")
        await opened.run()
        await opened.note_again(of(others, "MedicationRequest"), "Second")
        await opened.run(25)
        came = events_of(endpoint)[before:]
        first = (before + 1, of(references, "MedicationRequest"))
        assert came == [first, first, first, (before + 2, of(others, "MedicationRequest"))]


async def test_an_endpoint_that_stays_away_is_an_error_then_off(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    """`error` after some failures, with the reason and no content; active again when it answers; off after a day."""
    async with hooked(keys_home, tmp_path) as opened:
        kept = await opened.made(subscription(endpoint.port))
        _, references = await opened.admitted(9)
        await opened.run()
        before = len(events_of(endpoint))
        medicine = of(references, "MedicationRequest")
        endpoint.answers = [(404, {}, b"heliotrope")]
        await opened.note_again(medicine, "Nobody takes it")
        await opened.run(60)
        stands = await opened.status(kept)
        assert (stands.status, stands.error) == ("error", "The endpoint does not have what was to be changed.")
        assert opened.subscribing.served[kept.id].attempts >= 5
        endpoint.answers = [(204, {}, b"")]
        opened.time.forward(400)
        await opened.run(1)
        stands = await opened.status(kept)
        assert (stands.status, stands.error) == ("active", "")
        assert events_of(endpoint)[-1] == (before + 1, medicine)
        endpoint.answers = [(301, {"Location": f"http://127.0.0.1:{endpoint.port}/elsewhere"}, b"")]
        await opened.note_again(medicine, "A redirect is not followed")
        await opened.run(60)
        assert {one.path for one in endpoint.received} == {"/told"}
        opened.time.forward(25 * 3600)
        await opened.run(6)
        stands = await opened.status(kept)
        assert stands.status == "off"
        assert "day" in stands.error
        assert await opened.world.waiting() == 0
        asked = {**subscription(endpoint.port), "id": kept.id}
        endpoint.answers = [(204, {}, b"")]
        await opened.subscriptions.update(system(), kept.id, stands.version, asked)
        await opened.run(20)
        assert notified(endpoint.received[-1].body).type == "handshake"
        assert (await opened.status(kept)).status == "active"


async def test_a_handshake_that_is_not_taken_is_an_error_and_nothing_is_told(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    async with hooked(keys_home, tmp_path) as opened:
        endpoint.answers = [(403, {}, b"")]
        kept = await opened.made(subscription(endpoint.port))
        assert (await opened.status(kept)).status == "error"
        _, references = await opened.admitted(10)
        await opened.note_again(of(references, "MedicationRequest"), "Not told")
        await opened.run(60)
        assert len(endpoint.received) == 1


async def test_full_resources_and_no_payload(keys_home: Path, tmp_path: Path, endpoint: Receiver) -> None:
    """`full-resource` carries what was released; `empty` names nothing; without a payload there is no body."""
    async with hooked(keys_home, tmp_path) as opened:
        _, references = await opened.admitted(11)
        medicine = of(references, "MedicationRequest")
        plain = subscription(endpoint.port, medicine_of(references), endpoint=f"http://127.0.0.1:{endpoint.port}/plain")
        del plain["channel"]["payload"], plain["channel"]["_payload"]
        await opened.subscriptions.create(system(), plain)
        for content in ("full-resource", "empty"):
            wanted = subscription(endpoint.port, medicine_of(references), content=content)
            wanted["channel"]["endpoint"] += f"/{content}"
            await opened.made(wanted)
        endpoint.received.clear()
        await opened.note_again(medicine, "Seen in full")
        await opened.run()
        bodies = {one.path: one.body for one in endpoint.received}
        assert bodies["/plain"] == b""
        full = notified(bodies["/told/full-resource"]).bundle
        assert full["entry"][1]["resource"]["note"] == [{"text": "Seen in full"}]
        assert validate(full) == []
        assert notified(bodies["/told/empty"]).events == [(1, "")]
        assert medicine.encode() not in bodies["/told/empty"]


def medicine_of(references: list[str]) -> str:
    """Return criteria for the medicines of a person."""
    return f"MedicationRequest?patient={of(references, 'Patient')}"


async def test_a_heartbeat_comes_when_nothing_else_does(keys_home: Path, tmp_path: Path, endpoint: Receiver) -> None:
    beats = {"url": subscription_extension("backport-heartbeat-period"), "valueUnsignedInt": 60}
    async with hooked(keys_home, tmp_path) as opened:
        await opened.made(subscription(endpoint.port, extension=[beats]))
        await opened.run(62)
        assert [notified(one.body).type for one in endpoint.received] == ["handshake", "heartbeat"]


def subscription_extension(name: str) -> str:
    """Return the URL of an extension of the backport."""
    return f"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/{name}"


async def test_when_a_client_is_removed_its_subscriptions_stop_at_once(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    async with hooked(keys_home, tmp_path) as opened:
        kept = await opened.made(subscription(endpoint.port))
        _, references = await opened.admitted(12)
        await opened.run()
        before = len(endpoint.received)
        await opened.note_again(of(references, "MedicationRequest"), "Waits when the client goes")
        opened.opened.registry.remove(WARD.client_id)
        await opened.run(8)
        assert len(endpoint.received) == before
        (stands,) = await opened.opened.subscriptions.page.all()
        assert (stands.id, stands.status) == (kept.id, "off")
        assert await opened.world.waiting() == 0


async def test_what_is_deleted_or_turned_off_is_told_nothing_more(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    async with hooked(keys_home, tmp_path) as opened:
        deleted = await opened.made(subscription(endpoint.port))
        off = await opened.made(subscription(endpoint.port))
        _, references = await opened.admitted(13)
        await opened.run()
        before = len(endpoint.received)
        stands = await opened.status(off)
        await opened.note_again(of(references, "MedicationRequest"), "Waits")
        await opened.subscriptions.delete(system(), deleted.id)
        asked = {**subscription(endpoint.port), "id": off.id, "status": "off"}
        await opened.subscriptions.update(system(), off.id, stands.version, asked)
        await opened.run(8)
        assert len(endpoint.received) == before
        assert await opened.world.waiting() == 0
        with pytest.raises(NotHere):
            await opened.status(deleted)


async def test_another_process_takes_over_and_repeats_nothing(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    """Two processes: one serves; when it ends the other goes on, numbers and all."""
    async with hooked(keys_home, tmp_path) as opened:
        await opened.made(subscription(endpoint.port))
        other = opened.another()
        await opened.run(1, other)
        assert not subscribing_of(other).lease.turn
        _, references = await opened.admitted(14)
        medicine = of(references, "MedicationRequest")
        await quiet(other)
        await opened.run()
        first = events_of(endpoint)
        await opened.world.relay.finish()
        await opened.note_again(medicine, "Committed while nobody serves")
        await opened.run(11, other)
        assert events_of(endpoint) == [*first, (len(first) + 1, medicine)]
        assert await opened.world.waiting() == 0
        await other.relay.finish()


async def test_when_an_organisation_no_longer_cares_for_somebody_nothing_more_is_told(
    keys_home: Path, tmp_path: Path, endpoint: Receiver
) -> None:
    """Their care team ends: what waited and what comes after is not told, and there is no last message."""
    async with hooked(keys_home, tmp_path) as opened:
        await opened.made(subscription(endpoint.port))
        number, references = await opened.admitted(15)
        await opened.run()
        before = len(endpoint.received)
        await opened.note_again(of(references, "MedicationRequest"), "Waits when the care ends")
        for team in [one for one in references if one.startswith("CareTeam/")]:
            resource = await opened.house.read(team)
            await opened.house.write(update(team, 1, {**resource, "status": "inactive"}))
        patient = await opened.house.read(of(references, "Patient"))
        patient.pop("managingOrganization", None)
        await opened.house.write(update(of(references, "Patient"), 1, patient))
        assert "ZZHSP1" not in (await opened.house.record_of(number)).manifest.relations
        await opened.note_again(of(references, "MedicationRequest"), "After the care ended")
        await opened.run(3)
        assert len(endpoint.received) == before
        assert await opened.world.waiting() == 0
