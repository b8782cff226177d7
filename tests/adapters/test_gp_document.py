"""Documents to a practice: sent once for each state of a plan, and what became of each is known or told to a person."""

from __future__ import annotations

import gzip
from contextlib import suppress
from itertools import permutations
from typing import Any

import msgspec
import pytest

from adapters.base import Cause, Untranslatable
from adapters.errors import Conflict, ContentRefused, NotSent, NotTakenBack, Overloaded, PersonUnknown, Unreachable
from adapters.gp_document_state import Waiting
from adapters.itk_response import SENTENCES
from adapters.mesh_outgoing import mark_of
from tests.adapters.gp_document_world import REPLIES, SETTINGS, WORKFLOW, Practised
from tests.adapters.mesh_small import OURS, THEIRS, Crash, busy, down, lost, unheard
from tests.adapters.parcels import PERSON, removal
from tests.standins.gpdocument import reply

ALONE = msgspec.structs.replace(SETTINGS, local_id="unique")


@pytest.fixture
def world() -> Practised:
    return Practised()


def waiting(world: Practised) -> list[Waiting]:
    """Return what waits for replies."""
    return [msgspec.msgpack.decode(one, type=Waiting) for key, one in world.held.items() if key.startswith("waiting.")]


def kinds(world: Practised) -> list[str]:
    """Return what kinds of notes there are."""
    return sorted(key.partition(".")[0] for key in world.held)


async def sent(world: Practised) -> str:
    """Send a plan; return the reference of its document, as the practice reads it."""
    await world.give()
    world.open()
    return world.practice.filed[-1].reference


async def test_a_plan_is_filed_once_and_both_replies_settle_it(world: Practised):
    receipts = await world.give()
    assert {one.reference for one in receipts} == {"Patient/p1", "Observation/o1"}
    assert all(one.there is not None and one.there.digest for one in receipts)
    (replies,) = world.open()
    assert kinds(world) == ["person", "waiting"]
    for one in replies:
        world.put_reply(one)
    assert len(await world.poll()) == 2
    assert (world.told, kinds(world)) == ([], ["person"])
    assert world.mesh.waiting(OURS) == []
    (filed,) = world.practice.filed
    assert filed.pdf.startswith(b"%PDF-1.7")


async def test_headers_are_those_of_the_guide(world: Practised):
    await world.give()
    (held,) = world.mesh.waiting(THEIRS)
    said = {name: held.headers[name] for name in ("mex-to", "mex-workflowid", "mex-localid", "content-encoding")}
    assert said == {
        "mex-to": "GPPROVIDER_9990000018_19410502_Exampleby",
        "mex-workflowid": WORKFLOW,
        "mex-localid": "ZZHSP1",
        "content-encoding": "gzip",
    }
    assert all("9990000018" not in str(one.url) for one in world.mesh.asked)


@pytest.mark.parametrize("order", list(permutations(["20013", "30001", "20013"])))
@pytest.mark.parametrize("at_once", [True, False])
async def test_replies_settle_it_in_any_order_also_when_one_comes_twice(world, order, at_once: bool):
    reference = await sent(world)
    for code in order:
        world.put_reply(reply(reference, code))
        if not at_once:
            world.start()
            await world.poll()
    await world.poll()
    assert (world.told, kinds(world)) == ([], ["person"])
    world.time.pass_by(days=30)
    assert await world.poll() == []


@pytest.mark.parametrize("code", ["20007", "20008"])
async def test_a_duplicate_counts_as_delivered(world: Practised, code: str):
    reference = await sent(world)
    world.put_reply(reply(reference, code, "fatal-error"))
    await world.poll()
    world.time.pass_by(days=30)
    await world.poll()
    assert (world.told, kinds(world)) == ([], ["person"])


@pytest.mark.parametrize("code", sorted(SENTENCES))
async def test_every_negative_code_reaches_a_person_and_nothing_is_sent_again_unchanged(world: Practised, code: str):
    reference = await sent(world)
    world.put_reply(reply(reference, code, "fatal-error"))
    await world.poll()
    assert world.told == [f"{SENTENCES[code]} It is about person keyed-7."]
    assert kinds(world) == ["person"]
    with pytest.raises(ContentRefused) as caught:
        await world.give()
    assert caught.value.issues[0].code == code
    assert world.mesh.waiting(THEIRS) == []
    await world.give(world.parcel("Something else"))
    world.open()
    newest = world.practice.filed[-1]
    assert (newest.version, newest.replaces) == ("2", ""), "what did not arrive is not there to be replaced"


async def test_after_a_negative_reply_about_a_replacement_the_one_before_is_replaced(world: Practised):
    await sent(world)
    await world.give(world.parcel("Something else"))
    world.open()
    first, second = world.practice.filed
    assert second.replaces == first.document
    world.put_reply(reply(second.reference, "20014", "fatal-error"))
    await world.poll()
    await world.give(world.parcel("Something third"))
    world.open()
    assert world.practice.filed[-1].replaces == first.document


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ([], "did not reply within"),
        (["20013"], "did not say within the deadline that the patient"),
        (["30001"], "did not say within the deadline that it took"),
    ],
)
async def test_a_reply_that_is_missing_at_the_deadline_is_told_once(world: Practised, codes: list[str], said: str):
    reference = await sent(world)
    for code in codes:
        world.put_reply(reply(reference, code))
    await world.poll()
    world.time.pass_by(days=4, hours=23)
    assert (await world.poll(), world.told) == ([], [])
    world.time.pass_by(hours=2)
    await world.poll()
    world.start()
    await world.poll()
    assert len(world.told) == 1
    assert said in world.told[0]
    for code in {"20013", "30001"} - set(codes):
        world.put_reply(reply(reference, code))
    await world.poll()
    (over,) = await world.poll()
    assert (over.id, len(world.told), kinds(world)) == (f"overdue-{reference}", 1, ["person"])


async def test_what_was_told_is_forgotten_one_day(world: Practised):
    await sent(world)
    world.time.pass_by(days=6)
    await world.poll()
    assert [one.told for one in waiting(world)] == [True]
    world.time.pass_by(days=30)
    await world.poll()
    assert kinds(world) == ["person"]


async def test_a_reply_in_the_mailbox_is_heard_before_it_is_missed(world: Practised):
    reference = await sent(world)
    world.time.pass_by(days=6)
    for code in ("20013", "30001"):
        world.put_reply(reply(reference, code))
    await world.poll()
    assert world.told == []


async def test_a_reply_about_nothing_of_ours_is_told_once(world: Practised):
    world.put_reply(reply("8f14e45f-ceea-467f-9b3c-0c1f6c1a7a01", "30001"))
    for _ in range(2):
        await world.poll()
    assert len(world.told) == 1
    assert "not known here" in world.told[0]
    assert (world.mesh.waiting(OURS), world.held) == ([], {})


async def test_what_is_no_reply_is_told_kept_whole_and_never_answered(world: Practised):
    await sent(world)
    (held,) = world.mesh.held.values()
    content = held.content
    for one in (content, b'<!DOCTYPE b [<!ENTITY a "x">]><Bundle/>', b"\xff\xfe"):
        world.put_reply(one)
    before = len(world.mesh.lines("POST"))
    messages = await world.poll()
    assert len(world.told) == 3
    assert msgspec.json.decode(messages[0].original)["content"]
    assert len(world.mesh.lines("POST")) == before, "no acknowledgement of anything by a message"
    assert all("9990000018" not in why for why in world.told)


async def test_a_notice_reads_the_same_whenever_it_is_read(world: Practised):
    reference = await sent(world)
    world.put_reply(reply(reference, "30002", "fatal-error"))
    (message,) = await world.poll()
    for adapter in (world.adapter, world.start()):
        with pytest.raises(Untranslatable) as caught:
            adapter.arrived(message)
        assert caught.value.why == world.told[0]


async def test_a_message_that_is_not_whole_is_told_and_stays_where_it_is(world: Practised):
    reference = await sent(world)
    broken = world.mesh.put(reply(reference, "20013"), {"Mex-WorkflowID": REPLIES}, chunks=3)
    del broken.chunks[2]
    world.put_reply(reply(reference, "30001"))
    for _ in range(2):
        await world.poll()
    assert len(world.told) == 1
    assert "holes" in world.told[0]
    assert [one.id for one in world.mesh.waiting(OURS)] == [broken.id]
    assert [(one.taken, one.known) for one in waiting(world)] == [(False, True)]


async def report(world: Practised, code: str, **more: str) -> None:
    """Let MESH report that a message of ours did not arrive."""
    said = {"Mex-WorkflowID": WORKFLOW, "Mex-StatusCode": code, "Mex-StatusSuccess": "ERROR", **more}
    world.mesh.put(b"", said).kind = "REPORT"


@pytest.mark.parametrize("code", ["14", "12", "EPL-150", "EPL-151", "EPL-152", "EPL-153", "EPL-154", "99"])
async def test_every_report_reaches_a_person_with_a_sentence(world: Practised, code: str):
    await sent(world)
    (held,) = world.mesh.held.values()
    await report(world, code, **{"Mex-LinkedMsgID": held.id})
    await world.poll()
    (why,) = world.told
    assert why.endswith("It is about person keyed-7.")
    assert ("could not deliver" in why) == (code == "99")
    assert kinds(world) == ["person"]
    with pytest.raises(ContentRefused):
        await world.give()


async def test_a_report_about_nothing_of_ours_is_told_once(world: Practised):
    await report(world, "14", **{"Mex-LinkedMsgID": "NEVER"})
    for _ in range(2):
        await world.poll()
    assert len(world.told) == 1


async def test_a_report_that_names_no_message_is_known_by_our_mark():
    world = Practised(ALONE)
    reference = await sent(world)
    await report(world, "14", **{"Mex-LocalID": mark_of(OURS, reference)})
    await world.poll()
    assert world.told[0].endswith("It is about person keyed-7.")


async def test_a_report_that_it_arrived_is_for_nobody(world: Practised):
    await sent(world)
    (held,) = world.mesh.held.values()
    await report(world, "", **{"Mex-LinkedMsgID": held.id, "Mex-StatusSuccess": "SUCCESS"})
    await world.poll()
    assert (world.told, len(waiting(world))) == ([], 1)


async def test_a_crash_between_what_is_noted_and_the_acknowledgement_tells_nobody_twice(world: Practised):
    reference = await sent(world)
    for code in ("20013", "30001"):
        world.put_reply(reply(reference, code))
    world.time.pass_by(minutes=6)
    messages = list((await world.adapter.poll("")).messages)
    world.mesh.faults.extend([down])
    with pytest.raises(Unreachable):
        await world.adapter.settled(messages[0])
    world.start()
    await world.poll()
    assert (world.told, kinds(world), world.mesh.waiting(OURS)) == ([], ["person"], [])


async def test_what_a_crash_left_settled_is_forgotten_at_the_next_look(world: Practised):
    reference = await sent(world)
    done = Waiting("keyed-7", "OUT1", "2026-11-28T09:00:00Z", True, True)
    world.notes.notes[f"waiting.{reference}"] = msgspec.msgpack.encode(done)
    world.start()
    await world.poll()
    assert kinds(world) == ["person"]


@pytest.mark.parametrize("fault", [lost, unheard])
async def test_a_lost_answer_is_looked_for_before_anything_is_sent_again(fault):
    world = Practised(ALONE)
    world.mesh.faults.append(fault)
    with pytest.raises(Unreachable):
        await world.give()
    world.start()
    if fault is unheard:
        with pytest.raises(Unreachable):
            await world.give()
        world.time.pass_by(minutes=11)
    await world.give()
    world.open()
    assert len(world.practice.filed) == 1


async def test_where_tracking_cannot_tell_a_person_looks_or_the_reply_does(world: Practised):
    await sent(world)
    world.mesh.faults.append(lost)
    with pytest.raises(Unreachable):
        await world.give(world.parcel("Something else"))
    with pytest.raises(Conflict):
        await world.give()
    world.open()
    second = world.practice.filed[-1]
    world.put_reply(reply(second.reference, "20013"))
    await world.poll()
    assert world.told == []
    assert {one.reference for one in await world.give()} >= {"Observation/o1"}
    assert world.mesh.waiting(THEIRS) == []
    assert [(one.taken, one.message_id) for one in waiting(world) if one.taken] == [(True, "")]


@pytest.mark.parametrize(("fault", "fact"), [(down, NotSent), (busy, Overloaded)])
async def test_what_did_not_leave_is_sent_when_it_can(world: Practised, fault, fact):
    world.mesh.faults.append(fault)
    with pytest.raises(fact):
        await world.give()
    await world.give()
    world.open()
    assert len(world.practice.filed) == 1


async def test_what_became_old_before_it_left_is_not_sent(world: Practised):
    world.mesh.faults.append(down)
    with pytest.raises(NotSent):
        await world.give()
    await world.give(world.parcel("Something newer"))
    world.open()
    (filed,) = world.practice.filed
    assert (filed.version, filed.replaces, kinds(world)) == ("1", "", ["person", "waiting"])


async def test_a_newer_state_waits_until_it_is_known_what_became_of_the_one_before():
    world = Practised(ALONE)
    world.mesh.faults.append(lost)
    with pytest.raises(Unreachable):
        await world.give()
    await world.give(world.parcel("Something newer"))
    world.open()
    first, second = world.practice.filed
    assert (second.replaces, second.version) == (first.document, "2")


async def test_the_same_again_is_not_sent_also_under_another_sequence(world: Practised):
    await sent(world)
    receipts = await world.give(world.parcel(key="keyed-7-99", sequence=99))
    assert len(receipts) == 2
    assert world.mesh.waiting(THEIRS) == []


async def test_a_removal_is_a_replacement_without_it(world: Practised):
    await sent(world)
    receipts = await world.give(world.parcel(gone=("Observation/o1",), removals=(removal("Observation/o1"),)))
    assert ("Observation/o1", None) in [(one.reference, one.there) for one in receipts]
    world.open()
    assert world.practice.filed[-1].replaces == world.practice.filed[0].document


NOTHING: dict[str, Any] = {
    "patient": None,
    "plan": (),
    "puts": (),
    "removals": (removal("Patient/p1"), removal("Observation/o1")),
    "cause": Cause.WITHDRAWAL,
}


async def test_what_was_filed_is_not_taken_back_and_nobody_says_that_it_was(world: Practised):
    await sent(world)
    for _ in range(2):
        with pytest.raises(NotTakenBack):
            await world.give(world.parcel(**NOTHING))
    assert world.mesh.waiting(THEIRS) == []
    await world.give()
    world.open()
    again = world.practice.filed[-1]
    assert (len(world.practice.filed), again.replaces, again.version) == (2, "", "2")


async def test_after_a_death_nothing_is_asked_and_nothing_confirmed(world: Practised):
    await sent(world)
    assert await world.give(world.parcel(**NOTHING | {"cause": Cause.DEATH})) == []
    assert world.mesh.waiting(THEIRS) == []


async def test_what_never_left_is_not_there_and_its_removal_is_confirmed(world: Practised):
    world.mesh.faults.append(down)
    with pytest.raises(NotSent):
        await world.give()
    receipts = await world.give(world.parcel(**NOTHING))
    assert [one.there for one in receipts] == [None, None]
    assert world.mesh.held == {}


async def test_what_may_have_left_is_not_said_to_be_gone():
    world = Practised(ALONE)
    world.mesh.faults.append(lost)
    with pytest.raises(Unreachable):
        await world.give()
    with pytest.raises(NotTakenBack):
        await world.give(world.parcel(**NOTHING))


async def test_a_practice_that_pds_and_we_do_not_agree_on_gets_nothing(world: Practised):
    ods = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZGP99"}
    other = {**PERSON, "generalPractitioner": [{"identifier": ods}]}
    with pytest.raises(ContentRefused) as caught:
        await world.give(world.parcel(patient=other))
    assert caught.value.issues[0].expression == ("Patient.generalPractitioner",)
    assert (world.mesh.held, world.held) == ({}, {})


async def test_mesh_that_does_not_know_the_person_is_a_fact_that_names_nobody(world: Practised):
    world.mesh.rules.people.clear()
    with pytest.raises(PersonUnknown) as caught:
        await world.give()
    assert "9990000018" not in f"{caught.value} {caught.value.issues}"


async def test_no_note_names_anybody_or_says_what_a_plan_says(world: Practised):
    await sent(world)
    for _ in range(2):
        await world.poll()
    everything = b"".join(key.encode() + one for key, one in world.held.items())
    assert everything
    for word in (b"9990000018", b"Exampleby", b"1941", b"hospital"):
        assert word not in everything


async def test_a_surname_that_no_header_can_hold_is_not_spelt_otherwise(world: Practised):
    name = [{"use": "official", "family": "Exämpleby"}]
    with pytest.raises(ContentRefused) as caught:
        await world.give(world.parcel(patient={**PERSON, "name": name}))
    assert caught.value.issues[0].expression == ("Mex-To",)
    assert world.mesh.held == {}


async def test_one_reader_of_a_mailbox_hears_for_all_who_send_through_it(world: Practised):
    await world.give()
    await world.give(world.parcel(key="keyed-8-1", subject="keyed-8"))
    world.open()
    first, second = world.practice.filed
    world.put_reply(reply(second.reference, "30002", "fatal-error"))
    for code in ("20013", "30001"):
        world.put_reply(reply(first.reference, code))
    await world.poll()
    assert world.told == [f"{SENTENCES['30002']} It is about person keyed-8."]


async def test_a_poll_too_soon_asks_mesh_nothing_and_hears_of_deadlines_all_the_same(world: Practised):
    await sent(world)
    await world.poll()
    asked = len(world.mesh.lines("GET"))
    assert list((await world.adapter.poll("")).messages) == []
    assert len(world.mesh.lines("GET")) == asked


@pytest.mark.parametrize("looked", [False, True], ids=["", "and the mailbox is read first"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", range(6))
async def test_a_crash_at_any_note_of_a_sending_sends_once(write: int, when: str, looked: bool):
    world = Practised(ALONE)
    world.notes.crashes.extend([*[""] * write, when])
    with pytest.raises(Crash):
        await world.give()
    world.time.pass_by(minutes=11)
    world.start()
    if looked:
        await world.poll()
    await world.give()
    (replies,) = world.open()
    for one in replies:
        world.put_reply(one)
    await world.poll()
    world.time.pass_by(hours=2)
    await world.poll()
    assert (world.told, kinds(world)) == ([], ["person"])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", range(4))
async def test_a_crash_at_any_note_of_a_reply_loses_none(world: Practised, write: int, when: str):
    reference = await sent(world)
    for code in ("20013", "30001"):
        world.put_reply(reply(reference, code))
    world.notes.crashes.extend([*[""] * write, when])
    with suppress(Crash):
        await world.poll()
    world.notes.crashes.clear()
    for _ in range(2):
        world.start()
        await world.poll()
    assert (world.told, kinds(world), world.mesh.waiting(OURS)) == ([], ["person"], [])


async def test_what_unpacks_to_more_than_is_taken_is_not_unpacked():
    small = msgspec.structs.replace(SETTINGS, mesh=msgspec.structs.replace(SETTINGS.mesh, largest=100_000))
    world = Practised(small)
    bomb = gzip.compress(bytes(50_000_000))
    world.mesh.put(bomb, {"Mex-WorkflowID": REPLIES, "Content-Encoding": "gzip"})
    await world.poll()
    assert len(world.told) == 1
    assert "too large" in world.told[0]


async def test_after_a_restore_the_newest_state_is_a_document_of_its_own(world: Practised):
    """A duplicate would be ignored there, though the practice may show something later that nobody here knows of."""
    await sent(world)
    backup = dict(world.held)
    for text in ("B", "C"):
        await world.give(world.parcel(text))
        world.open()
    world.notes.notes = backup
    world.start()
    await world.give(world.parcel("B", sequence=1_000_000))
    replies = world.open()
    newest = world.practice.filed[-1]
    assert (len(world.practice.filed), newest.replaces) == (4, world.practice.filed[0].document)
    for one in replies[0]:
        world.put_reply(one)
    await world.poll()
    assert world.told == []
