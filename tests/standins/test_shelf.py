"""What a FHIR stand-in holds, whatever happens to it in whatever order: versions are only added, indexes never lag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.standins.moments import Moments
from service.standins.shelf import Shelf, references

SYSTEM = "https://example.org/ours"
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["create", "update", "delete"]),
        st.integers(0, 4),
        st.integers(0, 3),
        st.one_of(st.none(), st.integers(0, 4)),
    ),
    max_size=30,
)


def flag(value: int, target: int | None) -> dict[str, Any]:
    """Return a resource with an identifier, that points at another or at nothing."""
    about = {} if target is None else {"subject": {"reference": f"Flag/t{target + 1}"}}
    return {"resourceType": "Flag", "identifier": [{"system": SYSTEM, "value": str(value)}], **about}


@given(STEPS)
def test_indexes_say_what_a_look_at_everything_says(steps: list[tuple[str, int, int, int | None]]) -> None:
    shelf = Shelf(Moments(), prefix="t")
    for what, place, value, target in steps:
        name = f"t{place + 1}"
        held = shelf.current("Flag", name)
        if what == "create":
            shelf.create(flag(value, target))
        elif held is not None and held.resource is not None:
            shelf.update("Flag", name, flag(value, target)) if what == "update" else shelf.delete("Flag", name)
    everything = list(shelf.history())[::-1]
    current = {one.id: one for one in everything}
    standing = {name: one.resource for name, one in current.items() if one.resource is not None}
    assert {one.id for one in shelf.all("Flag")} == set(standing)
    for value in range(4):
        expected = {name for name, one in standing.items() if one["identifier"][0]["value"] == str(value)}
        assert {one.id for one in shelf.named("Flag", SYSTEM, str(value))} == expected
    for target in range(5):
        reference = f"Flag/t{target + 1}"
        expected = {f"Flag/{name}" for name, one in standing.items() if reference in references(one)}
        assert shelf.pointing_at(reference) == expected
    for name in current:
        assert [one.number for one in shelf.versions("Flag", name)] == list(range(1, current[name].number + 1))
    stamps = [one.at for one in everything]
    assert stamps == sorted(set(stamps))


@given(st.lists(st.timedeltas(timedelta(hours=-2), timedelta(hours=2)), min_size=1, max_size=20))
def test_stamps_grow_whatever_the_clock_does(steps: list[timedelta]) -> None:
    start = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    times = iter([start + step for step in steps])
    moments = Moments(lambda: next(times))
    stamps = [moments.stamp() for _ in steps]
    assert stamps == sorted(set(stamps))
