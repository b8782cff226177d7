"""After a restore a resource's versions go on with numbers that nobody can have been given for another content."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.record.errors import NotHere, VersionConflict
from service.record.manifest import VERSIONS_OF_AN_EPOCH
from service.store.epochs import NUMBERS
from tests.service.record.house import House, begin_epoch, create, house, note, patient, update


@pytest.fixture
async def restored(keys_home: Path, tmp_path: Path) -> AsyncIterator[tuple[House, str]]:
    """Return a house in its first epoch, and a note that had two versions before that began."""
    path = tmp_path / "records.sqlite"
    async with house(keys_home, path) as before:
        _, someone = patient(730)
        (subject,) = await before.write(create(someone))
        (made,) = await before.write(create(note(subject.reference, "one")))
        await before.write(update(made.reference, 1, note(subject.reference, "two")))
        await begin_epoch(before, 1, tmp_path / "heads.jsonl")
    async with house(keys_home, path) as after:
        yield after, made.reference


async def test_versions_jump_once_and_then_count_on(restored: tuple[House, str]) -> None:
    house, reference = restored
    subject = (await house.read(reference))["subject"]["reference"]
    (third,) = await house.write(update(reference, 2, note(subject, "three")))
    assert third.version == 3 + VERSIONS_OF_AN_EPOCH
    (fourth,) = await house.write(update(reference, third.version, note(subject, "four")))
    assert fourth.version == third.version + 1
    versions = await house.history(reference)
    assert [number for number, _ in versions] == [fourth.version, third.version, 2, 1]
    assert [int(resource["meta"]["versionId"]) for _, resource in versions] == [number for number, _ in versions]
    record = await house.records.by_reference(reference)
    assert record is not None
    assert record.sequence == NUMBERS + 1
    entry = record.entry(reference)
    assert entry is not None
    assert (entry.earlier(), entry.predecessor) == ([1, 2, third.version], third.version)


async def test_a_number_that_was_handed_out_after_the_backup_is_no_version(restored: tuple[House, str]) -> None:
    house, reference = restored
    subject = (await house.read(reference))["subject"]["reference"]
    (third,) = await house.write(update(reference, 2, note(subject, "three")))
    with pytest.raises(VersionConflict) as conflict:
        await house.write(update(reference, 3, note(subject, "by who saw a version that is gone")))
    assert conflict.value.current == third.version
    with pytest.raises(NotHere):
        await house.vread(reference, 3)
    assert (await house.vread(reference, third.version))["meta"]["versionId"] == str(third.version)
    assert (await house.vread(reference, 2))["meta"]["versionId"] == "2"


async def test_a_resource_that_is_new_begins_at_one(restored: tuple[House, str]) -> None:
    house, reference = restored
    subject = (await house.read(reference))["subject"]["reference"]
    (made,) = await house.write(create(note(subject, "new")))
    assert made.version == 1
    (second,) = await house.write(update(made.reference, 1, note(subject, "newer")))
    assert second.version == 2 + VERSIONS_OF_AN_EPOCH
