"""What a partner sends gets in as its own system's write: once, in order, never echoed, and parked when it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.base import Message
from fhir_profiles.terminology import FOR_CPR
from service.sync import ours
from service.sync.board import Way
from service.sync.orders import Command, order
from tests.service.record.house import person, update
from tests.service.sync.messages import allergy, cpr, message, preferred_place, whom
from tests.service.sync.partner import member
from tests.service.sync.world import World, world
from tests.service.verify.conftest import Verifier

HOSPICE: dict[str, Any] = {"sends": True, "limits": {"poll_every": 5.0}}


def _at(hour: int) -> str:
    return f"2026-03-01T{hour}:00:00Z"


def _bare(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in one.items() if name != "meta"} for one in resources]


async def written(opened: World, index: int) -> tuple[str, dict[str, Any], list[str]]:
    """Write a plan and let it arrive; return the NHS number, the person as the partner knows them, and references."""
    number, bundle = person(index, place="hospice")
    references = await opened.house.post(bundle)
    await opened.run()
    return number, whom(bundle, number), references


async def sends(opened: World, *messages: Message, partner: str = "hospice") -> None:
    """Let a partner send messages, and let them be taken in."""
    opened.places[partner].outbox[:] = messages
    await opened.run(forward=6)


async def here(opened: World, number: str, theirs: str, partner: str = "hospice") -> list[tuple[str, dict[str, Any]]]:
    """Return the resources of a record that came from a partner's resource."""
    record = await opened.house.record_of(number)
    found = []
    for reference, entry in record.entries.items():
        if entry.deleted:
            continue
        resource = await opened.house.read(reference)
        if ours.is_from(resource, partner, theirs):
            found.append((reference, resource))
    return found


async def test_what_a_partner_sends_is_in_the_record_and_goes_to_the_others(keys_home: Path, tmp_path: Path) -> None:
    """It is the person's, carries the sender's id as an identifier, is told to others and not echoed to the sender."""
    async with world(keys_home, tmp_path, member(**HOSPICE), member("surgery", "ZZGP01", "gp")) as opened:
        number, known, _ = await written(opened, 31)
        hospice, surgery = opened.places["hospice"], opened.places["surgery"]
        parcels = len(hospice.parcels)
        await sends(opened, message(known, "Observation/77", "1", preferred_place("At the hospice, by the window")))
        ((reference, resource),) = await here(opened, number, "Observation/77")
        record = await opened.house.record_of(number)
        assert resource["subject"]["reference"] == record.manifest.patient
        assert record.entries[reference].author.client == "hospice-system"
        assert surgery.now(reference)["valueCodeableConcept"]["text"] == "At the hospice, by the window"
        assert len(hospice.parcels) == parcels
        assert hospice.settled_ids
        assert (await opened.state()).taken == 1


async def test_the_same_again_changes_nothing(keys_home: Path, tmp_path: Path) -> None:
    """Also when the partner sends it as another version that says the same."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        number, known, _ = await written(opened, 32)
        first = message(known, "Observation/77", "1", preferred_place("At home"), "2026-03-01T10:00:00Z")
        await sends(opened, first)
        before = (await opened.house.record_of(number)).sequence
        await sends(opened, first)
        same = message(known, "Observation/77", "2", preferred_place("At home"), "2026-03-01T11:00:00Z")
        await sends(opened, first, same)
        assert (await opened.house.record_of(number)).sequence == before
        assert (await opened.state()).taken == 1


async def test_newer_is_the_next_version_and_older_is_history(keys_home: Path, tmp_path: Path) -> None:
    """What comes late, older than what came before, becomes a past version marked so; what is current stays."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        number, known, _ = await written(opened, 33)
        one = message(known, "Observation/77", "1", preferred_place("At home"), "2026-03-01T10:00:00Z")
        two = message(known, "Observation/77", "2", preferred_place("At the hospice"), "2026-03-01T11:00:00Z")
        three = message(known, "Observation/77", "3", preferred_place("With her sister"), "2026-03-01T12:00:00Z")
        await sends(opened, one)
        await sends(opened, three, two)
        ((reference, resource),) = await here(opened, number, "Observation/77")
        assert resource["valueCodeableConcept"]["text"] == "With her sister"
        versions = await opened.house.history(reference)
        assert [version for version, _ in versions] == [4, 3, 2, 1]
        places = [(one["valueCodeableConcept"]["text"], "tag" in one["meta"]) for _, one in versions]
        mine = [("With her sister", False), ("At the hospice", True), ("With her sister", False), ("At home", False)]
        assert places == mine
        assert versions[1][1]["meta"]["tag"][0]["code"] == "came-late"
        assert versions[0][1]["meta"]["lastUpdated"] == versions[2][1]["meta"]["lastUpdated"]
        before = (await opened.house.record_of(number)).sequence
        await sends(opened, two, one)
        assert (await opened.house.record_of(number)).sequence == before, "to say it again changes nothing"
        state = await opened.state()
        assert [event.what for event in state.events] == ["late"]
        inbox = opened.relay.servings["hospice"].polling.inbox
        kept = await inbox.open(inbox.id_of("hospice", two))
        assert kept is not None
        assert kept.original == two.original


async def test_a_late_decision_changes_nothing_but_the_past(keys_home: Path, tmp_path: Path) -> None:
    """Taken back before it arrived: nobody is told of it as a decision, no rival is made, every reader finds it."""
    both = member(**HOSPICE), member("surgery", "ZZGP01", "gp")
    async with world(keys_home, tmp_path, *both) as opened:
        number, bundle = person(42, place="hospice", cpr="none")
        await opened.house.post(bundle)
        await opened.run()
        known = whom(bundle, number)
        decided = cpr(FOR_CPR, "2026-02-01T10:00:00Z")
        taken_back = message(known, "Observation/9", "2", {**decided, "status": "entered-in-error"}, _at(12))
        await sends(opened, taken_back)
        before, told = await opened.house.record_of(number), await opened.house.emergency(number)
        parcels = len(opened.places["surgery"].parcels)
        await sends(opened, message(known, "Observation/9", "1", decided, _at(10)))
        after = await opened.house.record_of(number)
        assert after.sequence == before.sequence + 1
        assert _bare(await opened.house.emergency(number)) == _bare(told), "the emergency answer is what it was"
        assert len(opened.places["surgery"].parcels) == parcels
        assert await opened.engine.board.troubles("hospice") == []
        ((reference, _),) = await here(opened, number, "Observation/9")
        assert [one["status"] for _, one in await opened.house.history(reference)] == [
            "entered-in-error",
            "final",
            "entered-in-error",
        ]
        third = message(known, "Observation/9", "3", {**decided, "status": "cancelled"}, _at(13))
        await sends(opened, third)
        assert [version for version, _ in await opened.house.history(reference)] == [4, 3, 2, 1]
        assert await Verifier(opened.house, tmp_path).findings() == []


async def test_what_comes_late_and_may_not_be_written_stays_in_the_inbox(keys_home: Path, tmp_path: Path) -> None:
    """So does what has no place among past versions: of something deleted, or of the person."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        number, known, _ = await written(opened, 43)
        await sends(opened, message(known, "AllergyIntolerance/5", "2", allergy("Latex"), _at(12)))
        broken = message(known, "AllergyIntolerance/5", "1", {**allergy("Latex"), "recordedDate": "yesterday"}, _at(10))
        await sends(opened, broken)
        await sends(opened, message(known, "AllergyIntolerance/5", "3", None, _at(13)))
        gone = message(known, "AllergyIntolerance/5", "1b", allergy("Rubber"), _at(11))
        sequence = (await opened.house.record_of(number)).sequence
        await sends(opened, gone)
        assert (await opened.house.record_of(number)).sequence == sequence
        inbox = opened.relay.servings["hospice"].polling.inbox
        for one in (broken, gone):
            kept = await inbox.open(inbox.id_of("hospice", one))
            assert kept is not None
            assert kept.original == one.original
        assert [event.what for event in (await opened.state()).events] == ["late"]
        assert await opened.engine.board.troubles("hospice") == []


async def test_labels_of_a_partner_and_of_ours_stay(keys_home: Path, tmp_path: Path) -> None:
    """Whoever labels something means it: what comes is no wider than its sender let it, nor than it was here."""
    hidden = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        number, known, _ = await written(opened, 45)
        labelled = {**allergy("Latex"), "meta": {"versionId": "9", "security": [hidden]}}
        await sends(opened, message(known, "AllergyIntolerance/5", "2", labelled, _at(11)))
        assert await opened.engine.board.troubles("hospice") == []
        [(reference, resource)] = await here(opened, number, "AllergyIntolerance/5")
        assert resource["meta"]["security"] == [hidden]
        await sends(opened, message(known, "AllergyIntolerance/5", "3", allergy("Latex, natural"), _at(12)))
        await sends(opened, message(known, "AllergyIntolerance/5", "1", allergy("Rubber"), _at(10)))
        versions = await opened.house.history(reference)
        assert len(versions) == 4
        assert [one["meta"]["security"] for _, one in versions] == [[hidden]] * 4


async def test_what_is_large_in_a_patient_is_there_still_after_a_partner_changed_something_else(
    keys_home: Path, tmp_path: Path
) -> None:
    """Large strings are filed apart; who changes a telephone must not take them away."""
    async with world(keys_home, tmp_path, member(**HOSPICE, person=("telecom",))) as opened:
        number, bundle = person(44, place="hospice")
        patient = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient")
        told = "Behind the mill, then left. " * 800
        patient["address"][0]["text"] = told
        references = await opened.house.post(bundle)
        await opened.run()
        (reference,) = (one for one in references if one.startswith("Patient/"))
        phone = [{"system": "phone", "value": "01632 960777"}]
        known = {**whom(bundle, number)}
        said = {"resourceType": "Patient", "telecom": phone}
        await sends(opened, message(known, "Patient/p1", "1", said, _at(12)))
        after = await opened.house.read(reference)
        assert after["telecom"] == phone, await opened.engine.board.troubles("hospice")
        assert after["address"][0]["text"] == told


async def test_a_deletion_there_is_a_deletion_here(keys_home: Path, tmp_path: Path) -> None:
    """With the partner named as the reason."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        number, known, _ = await written(opened, 34)
        await sends(opened, message(known, "AllergyIntolerance/5", "1", allergy("Latex")))
        ((reference, _),) = await here(opened, number, "AllergyIntolerance/5")
        await sends(opened, message(known, "AllergyIntolerance/5", "2", None))
        assert (await opened.house.record_of(number)).entries[reference].deleted


async def test_another_person_under_the_number_is_parked(keys_home: Path, tmp_path: Path) -> None:
    """Nothing is written for a number whose name or birth date disagrees; nobody unknown is made known."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        number, known, _ = await written(opened, 35)
        before = (await opened.house.record_of(number)).sequence
        stranger = {**known, "family": "Somebodyelse"}
        nobody = {**known, "nhs_number": person(999)[0]}
        await sends(
            opened,
            message(stranger, "Observation/1", "1", preferred_place("At home")),
            message(nobody, "Observation/2", "1", preferred_place("At home")),
        )
        assert (await opened.house.record_of(number)).sequence == before
        (trouble,) = await opened.engine.board.troubles("hospice")
        assert trouble.way is Way.IN
        assert "Somebodyelse" not in trouble.reason
        assert await opened.house.records.by_nhs_number(nobody["nhs_number"]) is None


async def test_a_decision_that_knows_nothing_of_ours_is_a_conflict(keys_home: Path, tmp_path: Path) -> None:
    """Both stand, each with its author; the partner could not know, so it is not refused (H3)."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        number, known, _ = await written(opened, 36)
        decided = cpr(FOR_CPR, "2026-03-01T09:00:00Z")
        await sends(opened, message(known, "Observation/9", "1", decided))
        assert await opened.engine.board.troubles("hospice") == []
        ((reference, resource),) = await here(opened, number, "Observation/9")
        named = [one["valueReference"]["reference"] for one in resource["extension"] if "valueReference" in one]
        assert named
        said = await opened.emergency_composition(number)
        assert "CPR DECISIONS IN CONFLICT" in said
        assert "The disagreement is for Exampleton Surgery to settle." in said
        assert len(await here(opened, number, "Practitioner/n1")) == 1
        again = cpr(FOR_CPR, "2026-03-01T09:00:00Z", note=[{"text": "Discussed again"}])
        await sends(opened, message(known, "Observation/9", "2", again))
        assert len(await here(opened, number, "Practitioner/n1")) == 1
        assert (await opened.house.read(reference))["note"] == [{"text": "Discussed again"}]


async def test_what_cannot_be_read_is_kept_whole_and_can_be_replayed(keys_home: Path, tmp_path: Path) -> None:
    """When the mapping is mended, the same bytes are taken in, and the list is empty again."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        number, known, _ = await written(opened, 37)
        place = opened.places["hospice"]
        good = message(known, "AllergyIntolerance/6", "1", allergy("Latex"))
        place.mended = False
        await sends(opened, good)
        (trouble,) = await opened.engine.board.troubles("hospice")
        assert await here(opened, number, "AllergyIntolerance/6") == []
        place.mended, place.outbox[:] = True, []
        await order(opened.engine.board, "hospice", Command.REPLAY, trouble.id)
        await opened.state()
        await opened.run(forward=2)
        assert len(await here(opened, number, "AllergyIntolerance/6")) == 1
        assert await opened.engine.board.troubles("hospice") == []


async def test_what_both_sides_changed_is_for_a_person(keys_home: Path, tmp_path: Path) -> None:
    """A change there on top of what is no longer ours is not merged and overwrites nothing."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        number, known, _ = await written(opened, 38)
        place = opened.places["hospice"]
        await sends(opened, message(known, "AllergyIntolerance/7", "1", allergy("Latex"), "2026-03-01T10:00:00Z"))
        ((reference, resource),) = await here(opened, number, "AllergyIntolerance/7")
        opened.relay.servings["hospice"].lanes.release_all()
        await opened.engine.board.pause("hospice", "Engineer Example", opened.time.now)
        await opened.state()
        await opened.house.write(update(reference, 1, {**resource, "note": [{"text": "Seen by the GP"}]}))
        await opened.engine.board.resume("hospice", "Engineer Example", opened.time.now)
        place.outbox[:] = [
            message(known, "AllergyIntolerance/7", "2", allergy("Latex and nuts"), "2026-03-01T12:00:00Z")
        ]
        place.down_for_giving = True
        await opened.state()
        await opened.run(forward=7)
        assert (await opened.house.read(reference))["code"]["text"] == "Latex"
        (trouble,) = [one for one in await opened.engine.board.troubles("hospice") if one.way is Way.IN]
        assert "both" in trouble.reason or "neither" in trouble.reason


async def test_a_change_here_of_what_came_from_there_is_written_back(keys_home: Path, tmp_path: Path) -> None:
    """The partner's own resource is updated, and never removed: it is the partner's."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        number, known, _ = await written(opened, 39)
        place = opened.places["hospice"]
        await sends(opened, message(known, "AllergyIntolerance/8", "1", allergy("Latex")))
        ((reference, resource),) = await here(opened, number, "AllergyIntolerance/8")
        await opened.house.write(update(reference, 1, {**resource, "note": [{"text": "Seen by the GP"}]}))
        await opened.run()
        (put,) = place.parcels[-1].puts
        assert put.there is not None
        assert (put.there.theirs, put.there.version, put.there.made) == ("AllergyIntolerance/8", "1", False)


async def test_what_the_partner_has_already_is_not_typed_again(keys_home: Path, tmp_path: Path) -> None:
    """When sharing begins, the partner is asked once for all that it has of the person."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        number, bundle = person(40, place="hospice")
        place = opened.places["hospice"]
        place.of_each[:] = [message(whom(bundle, number), "AllergyIntolerance/9", "1", allergy("Penicillin"))]
        references = await opened.house.post(bundle)
        await opened.run(forward=2)
        assert len(await here(opened, number, "AllergyIntolerance/9")) == 1
        asked = place.asked_of
        assert len(asked) == 1
        assert asked[0].startswith("Patient/at-")
        medicine = next(one for one in references if one.startswith("MedicationRequest/"))
        resource = await opened.house.read(medicine)
        await opened.house.write(update(medicine, 1, {**resource, "note": [{"text": "Again"}]}))
        await opened.run(forward=2)
        assert len(asked) == 1
