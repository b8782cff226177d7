"""A record against a plain dictionary of versions: whatever was done, every version reads as the dictionary says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.record.changes import Change
from service.record.errors import Gone, InvalidContent, NotHere, VersionConflict
from tests.service.record.house import House, Json, create, delete, house, note, patient, sent, update

Step = tuple[str, int, str, bool]
"""What is done (create, update, delete), to which living resource, with which words, and whether large."""

_steps = st.tuples(
    st.sampled_from(["create", "update", "update", "delete"]),
    st.integers(0, 7),
    st.text('abcé"\\ ', min_size=1, max_size=8).map(lambda text: f"<{text}>"),
    st.booleans(),
)


@dataclass(slots=True)
class Model:
    """What ought to be: per reference its versions in order; None where the version is a deletion."""

    subject: str
    versions: dict[str, list[Json | None]] = field(default_factory=dict)

    def living(self) -> list[str]:
        """Return the references that are not deleted."""
        return [reference for reference, versions in self.versions.items() if versions[-1] is not None]

    def change(self, step: Step, taken: set[str]) -> tuple[Change, Json | None] | None:
        """Turn a step into a change and what it makes, None where it has nothing to do."""
        kind, which, words, large = step
        said = note(self.subject, words * (5_000 if large else 1))
        if kind == "create":
            return create(said), said
        there = [reference for reference in self.living() if reference not in taken]
        if not there:
            return None
        reference = there[which % len(there)]
        taken.add(reference)
        version = len(self.versions[reference])
        if kind == "delete":
            return delete(reference, version), None
        return update(reference, version, said), said


async def apply(opened: House, model: Model, commit: list[Step]) -> None:
    """Do one commit of several steps, in the record and in the model."""
    taken: set[str] = set()
    wanted = [change for step in commit if (change := model.change(step, taken)) is not None]
    if not wanted:
        return
    results = await opened.write(*(change for change, _ in wanted))
    for result, (_, made) in zip(results, wanted, strict=True):
        versions = model.versions.setdefault(result.reference, [])
        versions.append(made)
        assert result.version == len(versions)


def numbered(versions: list[Json | None]) -> list[tuple[int, Json | None]]:
    """Return versions with their numbers."""
    return list(enumerate(versions, 1))


async def compare(opened: House, model: Model) -> None:
    """Read every version of everything."""
    for reference, versions in model.versions.items():
        for number, made in numbered(versions):
            if made is None:
                with pytest.raises(Gone):
                    await opened.vread(reference, number)
            else:
                read = await opened.vread(reference, number)
                assert sent(read) == sent(made)
                assert (read["id"], read["meta"]["versionId"]) == (reference.split("/")[1], str(number))
        for beyond in (0, len(versions) + 1):
            with pytest.raises(NotHere):
                await opened.vread(reference, beyond)
        if versions[-1] is None:
            with pytest.raises(Gone):
                await opened.read(reference)
        else:
            assert sent(await opened.read(reference)) == sent(versions[-1])
        told = {number: read["resourceType"] for number, read in await opened.history(reference)}
        kinds = {number: "OperationOutcome" if made is None else "Observation" for number, made in numbered(versions)}
        assert list(told.items()) == list(reversed(kinds.items()))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(_steps, min_size=1, max_size=3), min_size=1, max_size=8))
def test_every_version_reads_as_a_plain_dictionary_of_versions_says(
    keys_home: Path, tmp_path_factory: pytest.TempPathFactory, commits: list[list[Step]]
) -> None:
    async def play() -> None:
        async with house(keys_home, tmp_path_factory.mktemp("db") / "records.sqlite") as opened:
            (subject,) = await opened.write(create(patient(200)[1]))
            model = Model(subject.reference)
            for commit in commits:
                await apply(opened, model, commit)
            await compare(opened, model)

    asyncio.run(play())


async def three_versions(opened: House) -> tuple[str, str]:
    """Make a person with one resource at version 3 and return their references."""
    (subject,) = await opened.write(create(patient(201)[1]))
    (made,) = await opened.write(create(note(subject.reference, "one")))
    for version, words in ((1, "two"), (2, "three")):
        await opened.write(update(made.reference, version, note(subject.reference, words)))
    return subject.reference, made.reference


async def words_of(opened: House, reference: str) -> list[str | None]:
    """Return what each version says, newest first; None for the deletion."""
    return [read.get("valueString") for _, read in await opened.history(reference)]


@pytest.mark.parametrize("named", [1, 2, 4])
async def test_only_the_newest_version_can_be_replaced_or_deleted(service_house: House, named: int) -> None:
    subject, made = await three_versions(service_house)
    for change in (update(made, named, note(subject, "late")), delete(made, named)):
        with pytest.raises(VersionConflict) as caught:
            await service_house.write(change)
        conflict = caught.value
        assert (conflict.named, conflict.current, conflict.organisation) == (named, 3, "ZZGP01")
    assert (await service_house.read(made))["valueString"] == "three"
    assert len(await service_house.history(made)) == 3


async def test_a_transaction_with_one_stale_entry_changes_nothing(service_house: House) -> None:
    subject, made = await three_versions(service_house)
    record = await service_house.records.by_reference(made)
    assert record is not None
    before = record.sequence
    with pytest.raises(VersionConflict):
        await service_house.write(
            create(note(subject, "new")), update(subject, 1, patient(201)[1]), update(made, 2, note(subject, "late"))
        )
    record = await service_house.records.by_reference(made)
    assert record is not None
    assert record.sequence == before
    assert len(record.entries) == 2


def _twice(first: str, second: str) -> Any:
    def changes(subject: str, made: str) -> list[Change]:
        kinds = {"update": update(made, 3, note(subject, "either")), "delete": delete(made, 3)}
        return [kinds[first], kinds[second]]

    return changes


@pytest.mark.parametrize("kinds", [("update", "update"), ("update", "delete"), ("delete", "update")], ids="-".join)
async def test_one_transaction_changes_a_resource_once_at_most(service_house: House, kinds: tuple[str, str]) -> None:
    """FHIR R4, 3.1.0.11.2: the same identity in two entries fails the transaction."""
    subject, made = await three_versions(service_house)
    with pytest.raises(InvalidContent):
        await service_house.write(*_twice(*kinds)(subject, made))
    assert await words_of(service_house, made) == ["three", "two", "one"]


async def test_a_deleted_resource_stays_deleted(service_house: House) -> None:
    subject, made = await three_versions(service_house)
    await service_house.write(delete(made, 3))
    for change in (update(made, 4, note(subject, "back")), delete(made, 4)):
        with pytest.raises(Gone):
            await service_house.write(change)
    assert await words_of(service_house, made) == [None, "three", "two", "one"]
