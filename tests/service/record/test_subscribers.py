"""Subscribers are asked before each commit, and what they say is durable with it or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from security.principal import Role
from service.api import outcomes
from service.record.changes import Change
from service.record.kept import Idempotency
from service.record.manifest import RecordKind
from service.record.subscribers import Committing, Subscriber
from service.record.write import Result
from service.store.errors import SequenceTaken
from service.store.port import Commit, Delivery
from tests.service.record.house import House, create, delete, doctor, note, patient, person, update
from tests.service.record.interrupted import Interrupted, lost

LANE = b"l" * 16


class Listening:
    """A subscriber that remembers what it was asked and names each changed version in a delivery."""

    def __init__(self) -> None:
        self.asked: list[Committing] = []

    def __call__(self, committing: Committing) -> Iterator[Delivery]:
        self.asked.append(committing)
        for entry in committing.changed:
            yield Delivery(LANE, b"%s %d" % (entry.reference.encode(), entry.version))


def refuses(committing: Committing) -> list[Delivery]:
    """Be a subscriber with a fault in it."""
    raise LookupError("a fault of the subscriber")


async def write(opened: House, subscriber: Subscriber, *changes: Change, **more: str) -> list[Result]:
    """Write with one subscriber, as a process of its own."""
    asked = Idempotency.of(more["key"], b"body") if more else None
    writing = opened.telling(subscriber).writing
    return (await writing(doctor(), list(changes), "transaction", asked)).results


async def waiting(opened: House) -> list[bytes]:
    """Return what waits, in order."""
    return [one.sealed for one in await opened.opened.store.waiting(b"", 1_000)]


def named(results: list[Result]) -> list[bytes]:
    """Return what the listening subscriber says of results."""
    return [b"%s %d" % (one.reference.encode(), one.version) for one in results]


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.record.write.random.uniform", lambda least, most: 0.0)


async def test_each_changed_version_waits_in_the_order_of_commits_and_of_the_request(service_house: House) -> None:
    said = Listening()
    (subject,) = made = await write(service_house, said, create(patient(500)[1]))
    made += await write(service_house, said, *[create(note(subject.reference, words)) for words in ("one", "two")])
    first, second = made[1:]
    made += await write(
        service_house,
        said,
        update(second.reference, 1, note(subject.reference, "second")),
        delete(first.reference, 1),
    )
    assert await waiting(service_house) == named(made)
    assert made[-1].status == 204
    assert said.asked[-1].changed[-1].deleted


async def test_a_subscriber_sees_the_record_as_it_was_and_as_it_will_be(service_house: House) -> None:
    said = Listening()
    number, bundle = person(501)
    references = await service_house.telling(said).post(bundle)
    record = await service_house.record_of(number)
    (committing,) = said.asked
    assert (committing.before.sequence, committing.before.entries) == (0, {})
    assert [entry.reference for entry in committing.changed] == references
    after = committing.after
    assert (after.record_id, after.sequence) == (record.record_id, record.sequence)
    assert after.manifest.identity.nhs_number == number
    assert (after.manifest.kind, after.manifest.patient) == (RecordKind.PERSON, record.manifest.patient)
    assert after.entries == record.entries
    assert after.slices == record.slices
    assert committing.author == doctor().author()


async def test_a_lost_compare_and_set_asks_again_and_keeps_nothing_of_the_first_time(service_house: House) -> None:
    said = Listening()
    (subject,) = await write(service_house, said, create(patient(502)[1]))

    async def somebody_else(commit: Commit) -> None:
        await service_house.write(create(note(subject.reference, "theirs")))

    store = Interrupted(service_house.opened.store, somebody_else, lost(SequenceTaken()))
    (mine,) = await write(service_house.on(store), said, create(note(subject.reference, "mine")))
    assert [(one.before.sequence, one.after.sequence) for one in said.asked] == [(0, 1), (1, 2), (2, 3), (2, 3)]
    assert [len(one.before.entries) for one in said.asked] == [0, 1, 2, 2]
    assert await waiting(service_house) == named([subject, mine])


async def test_a_subscriber_that_raises_stops_the_write_and_nothing_is_there(service_house: House) -> None:
    (subject,) = await service_house.write(create(patient(503)[1]))
    (made,) = await service_house.write(create(note(subject.reference, "before")))
    for change in (
        create(patient(504)[1]),
        create(note(subject.reference, "more")),
        update(made.reference, 1, note(subject.reference, "after")),
        delete(made.reference, 1),
    ):
        with pytest.raises(LookupError) as caught:
            await write(service_house, refuses, change, key=f"key-{change.method}-{change.type}")
        answer = outcomes.answer(caught.value)
        assert answer.status_code == 500
        assert b"The service failed. Quote the X-Request-Id." in bytes(answer.body)
    record = await service_house.records.by_reference(subject.reference)
    assert record is not None
    assert (record.sequence, len(record.entries)) == (2, 2)
    assert (await service_house.read(made.reference))["valueString"] == "before"
    assert await service_house.records.by_nhs_number(patient(504)[0]) is None
    assert await waiting(service_house) == []
    # The key is free: once the fault is mended the same request goes through.
    (result,) = await write(
        service_house, Listening(), create(note(subject.reference, "more")), key="key-create-Observation"
    )
    assert result.status == 201


async def test_one_subscriber_that_raises_takes_the_deliveries_of_the_others_with_it(service_house: House) -> None:
    (subject,) = await service_house.write(create(patient(505)[1]))
    with pytest.raises(LookupError):
        await service_house.telling(Listening(), refuses).write(create(note(subject.reference, "words")))
    assert await waiting(service_house) == []


async def test_a_repeated_request_causes_nothing_a_second_time(service_house: House) -> None:
    said = Listening()
    (subject,) = await service_house.write(create(patient(506)[1]))
    asked = [write(service_house, said, create(note(subject.reference, "once")), key="once") for _ in range(4)]
    results = await asyncio.gather(*asked)
    again = await write(service_house, said, create(note(subject.reference, "once")), key="once")
    assert all(one == again for one in results)
    assert await waiting(service_house) == named(again)


async def test_who_takes_a_person_on_is_heard_of_though_no_resource_changes(service_house: House) -> None:
    said = Listening()
    someone = patient(507)[1]
    told = service_house.telling(said)
    (subject,) = await told.write(create(someone))
    (taken,) = await told.write(create(someone), caller=doctor("ZZHSP1", Role.HOSPICE))
    once_more = create(someone)
    once_more.full_url = "urn:uuid:00000000-0000-4000-8000-000000000001"
    own = create(note(once_more.full_url, "ours"))
    again, made = await told.write(once_more, own, caller=doctor("ZZHOS1", Role.HOSPITAL))
    assert taken.bare
    assert again.bare
    _, alone, together = said.asked
    assert (alone.changed, alone.author.organisation) == ((), "ZZHSP1")
    assert [entry.reference for entry in together.changed] == [made.reference]
    for committing, organisation in ((alone, "ZZHSP1"), (together, "ZZHOS1")):
        assert organisation not in committing.before.manifest.relations
        assert organisation in committing.after.manifest.relations
    assert await waiting(service_house) == named([subject, made])


async def test_directory_entries_and_incidents_cause_nothing(service_house: House) -> None:
    said = Listening()
    heard = service_house.telling(said)
    organisation = {
        "resourceType": "Organization",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZNEW1"}],
        "name": "Somewhere",
    }
    await heard.services.directory.directory.create(doctor("ZZDIR1", Role.SYSTEM), create(organisation))
    await heard.services.operations.incidents.open(doctor("ZZCAD1", Role.SYSTEM), patient(508)[0], "ZZAMB1", "INC-1")
    assert said.asked == []
    assert await waiting(service_house) == []
