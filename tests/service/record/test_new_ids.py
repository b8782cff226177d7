"""The ids that new resources get."""

from __future__ import annotations

import uuid

from service.record.changes import new_ids


def test_they_are_random_uuids_of_version_4_in_the_usual_form() -> None:
    ids = new_ids(2_000)
    assert len(set(ids)) == 2_000
    for id in ids:
        read = uuid.UUID(id)
        assert (str(read), read.version, read.variant) == (id, 4, uuid.RFC_4122)
    for place in (0, 7, 9, 15, 16, 20, 35):  # every digit that is free takes all its values
        assert len({id[place] for id in ids}) == 16
    assert {id[19] for id in ids} == set("89ab")


def test_none_are_made_for_none() -> None:
    assert new_ids(0) == []
