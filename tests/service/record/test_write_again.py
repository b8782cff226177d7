"""Losing the compare-and-set is no error: the use case runs again on the fresh record, 64 times at most."""

from __future__ import annotations

import asyncio

import pytest

from security.principal import Role
from service.record.errors import InvalidContent, RepeatedKey, TooBusy, VersionConflict
from service.record.kept import Idempotency
from service.record.write import TRIES
from service.store.errors import AlreadyRemembered, ClaimTaken, SequenceTaken, StoreUnavailable
from service.store.port import Commit
from tests.service.record.house import House, Json, create, delete, doctor, note, patient, person, update
from tests.service.record.interrupted import Interrupted, lost


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.record.write.random.uniform", lambda least, most: 0.0)


async def someone_with_a_note(opened: House, index: int) -> tuple[str, str]:
    """Make a person with one note and return their references."""
    (subject,) = await opened.write(create(patient(index)[1]))
    (made,) = await opened.write(create(note(subject.reference, "first")))
    return subject.reference, made.reference


@pytest.mark.parametrize("error", [SequenceTaken(), ClaimTaken(b"x" * 16), AlreadyRemembered()], ids=repr)
@pytest.mark.parametrize("times", [1, TRIES - 1])
async def test_a_write_that_loses_less_than_64_times_goes_through_once(
    service_house: House, error: Exception, times: int
) -> None:
    subject, made = await someone_with_a_note(service_house, 400)
    store = Interrupted(service_house.opened.store, *[lost(error)] * times)
    (result,) = await service_house.on(store).write(update(made, 1, note(subject, "second")))
    assert (result.status, result.version, store.commits) == (200, 2, times + 1)
    assert (await service_house.read(made))["valueString"] == "second"
    assert len(await service_house.history(made)) == 2


async def test_a_write_that_loses_64_times_is_told_that_the_record_is_busy(service_house: House) -> None:
    subject, made = await someone_with_a_note(service_house, 401)
    store = Interrupted(service_house.opened.store, *[lost(SequenceTaken())] * TRIES)
    with pytest.raises(TooBusy):
        await service_house.on(store).write(update(made, 1, note(subject, "second")))
    assert store.commits == TRIES
    assert (await service_house.read(made))["valueString"] == "first"


async def test_a_store_that_is_down_is_not_tried_again(service_house: House) -> None:
    subject, made = await someone_with_a_note(service_house, 402)
    store = Interrupted(service_house.opened.store, lost(StoreUnavailable("down")))
    with pytest.raises(StoreUnavailable):
        await service_house.on(store).write(update(made, 1, note(subject, "second")))
    assert store.commits == 1


async def test_a_writer_of_another_process_costs_a_try_and_nothing_else(service_house: House) -> None:
    subject, made = await someone_with_a_note(service_house, 403)

    async def somebody_else(commit: Commit) -> None:
        await service_house.write(create(note(subject, "theirs")))

    store = Interrupted(service_house.opened.store, somebody_else, somebody_else, somebody_else)
    (result,) = await service_house.on(store).write(update(made, 1, note(subject, "ours")))
    assert (result.version, store.commits) == (2, 4)
    record = await service_house.records.by_reference(made)
    assert record is not None
    assert len(record.entries) == 5


async def test_the_resource_that_moved_meanwhile_is_a_conflict_not_a_lost_update(service_house: House) -> None:
    subject, made = await someone_with_a_note(service_house, 404)

    async def somebody_else(commit: Commit) -> None:
        await service_house.write(update(made, 1, note(subject, "theirs")))

    store = Interrupted(service_house.opened.store, somebody_else)
    with pytest.raises(VersionConflict) as caught:
        await service_house.on(store).write(update(made, 1, note(subject, "ours")))
    assert (caught.value.named, caught.value.current) == (1, 2)
    assert (await service_house.read(made))["valueString"] == "theirs"


async def test_what_was_allowed_before_is_judged_again_on_the_fresh_record(service_house: House) -> None:
    """Nobody may be pointed at who was deleted in between."""
    subject, made = await someone_with_a_note(service_house, 405)

    async def somebody_else(commit: Commit) -> None:
        await service_house.write(delete(made, 1))

    store = Interrupted(service_house.opened.store, somebody_else)
    derived = note(subject, "ours", derivedFrom=[{"reference": made}])
    with pytest.raises(InvalidContent) as caught:
        await service_house.on(store).write(create(derived))
    assert [issue.code for issue in caught.value.issues] == ["not-found"]


async def test_two_processes_that_create_one_person_make_one_record(service_house: House) -> None:
    number, someone = patient(406)

    async def somebody_else(commit: Commit) -> None:
        await service_house.write(create(someone))

    store = Interrupted(service_house.opened.store, somebody_else)
    (result,) = await service_house.on(store).write(create(someone))
    assert (result.status, result.bare) == (200, True)
    record = await service_house.record_of(number)
    assert result.reference == record.manifest.patient


# --- repeated requests


def _asked(key: str, body: bytes = b"body") -> Idempotency:
    return Idempotency.of(key, b"POST", b"/fhir/R4", body)


async def test_the_same_request_under_one_key_has_one_effect(service_house: House) -> None:
    subject, _ = await someone_with_a_note(service_house, 407)

    async def once(opened: House) -> str:
        said: Json = note(subject, "once")
        written = await opened.writing(doctor(), [create(said)], "create", _asked("key-1"))
        return f"{written.results[0].reference} {written.results[0].status}"

    houses = [service_house.on(service_house.opened.store) for _ in range(4)]
    answers = await asyncio.gather(*(once(opened) for opened in houses * 4))
    assert len(set(answers)) == 1
    record = await service_house.records.by_reference(subject)
    assert record is not None
    assert len(record.entries) == 3


async def test_another_request_under_the_same_key_is_refused(service_house: House) -> None:
    subject, _ = await someone_with_a_note(service_house, 408)
    await service_house.writing(doctor(), [create(note(subject, "one"))], "create", _asked("key-2", b"one"))
    with pytest.raises(RepeatedKey):
        await service_house.writing(doctor(), [create(note(subject, "two"))], "create", _asked("key-2", b"two"))


async def test_keys_of_different_clients_do_not_meet(service_house: House) -> None:
    for organisation, index in (("ZZGP01", 409), ("ZZGP02", 410)):
        caller = doctor(organisation)
        written = await service_house.writing(caller, [create(patient(index)[1])], "create", _asked("key-3"))
        assert written.results[0].status == 201


async def test_a_repeated_taking_on_is_answered_with_the_bare_id_again(service_house: House) -> None:
    _, someone = patient(411)
    await service_house.write(create(someone))
    other = doctor("ZZHSP1", Role.HOSPICE)
    results = []
    for _ in range(2):
        answer = await service_house.writing(other, [create(someone)], "create", _asked("key-4"))
        results.append(answer.results)
    assert results[0] == results[1]
    assert results[0][0].bare


async def test_results_stand_in_the_order_of_the_request_also_when_the_person_is_known_already(
    service_house: House,
) -> None:
    _, bundle = person(412)
    first = await service_house.post(bundle)
    _, again = person(412)
    kept = [entry for entry in again["entry"] if entry["resource"]["resourceType"] in ("Patient", "Organization")]
    assert kept[0]["resource"]["resourceType"] == "Organization"
    for entry in kept:
        entry["resource"].pop("managingOrganization", None)
        entry["resource"].pop("generalPractitioner", None)
    second = await service_house.post({**again, "entry": kept}, doctor("ZZHSP1", Role.HOSPICE))
    assert [one.split("/")[0] for one in second] == [entry["resource"]["resourceType"] for entry in kept]
    assert {one for one in second if one.startswith("Patient/")} == {one for one in first if one.startswith("Patient/")}
