"""What is sent makes of what a partner holds what it shall hold, in an order in which nothing points at nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.base import HeldThere
from service.sync.differences import Wanted, difference, digest_of

REFERENCES = ["Patient/p", *(f"Observation/{number}" for number in range(6))]
_digest = st.sampled_from([b"one", b"two"])
_there = st.builds(HeldThere, theirs=st.sampled_from(["", "Observation/x"]), version=st.just("1"), digest=_digest)
_held = st.dictionaries(
    st.sampled_from(REFERENCES), _there.flatmap(lambda there: st.sampled_from([there, _theirs(there)]))
)
_points = st.dictionaries(st.sampled_from(REFERENCES), st.lists(st.sampled_from(REFERENCES)))


def _theirs(there: HeldThere) -> HeldThere:
    return HeldThere(there.theirs, there.version, there.digest, made=False)


@given(
    wanted=st.dictionaries(st.sampled_from(REFERENCES), _digest),
    points=_points,
    held=_held,
    its_own=st.sets(st.sampled_from(REFERENCES), max_size=2),
    begun=st.sets(st.sampled_from(REFERENCES), max_size=2),
)
def test_what_is_sent_makes_what_is_wanted(
    wanted: dict[str, bytes],
    points: dict[str, list[str]],
    held: dict[str, HeldThere],
    its_own: set[str],
    begun: set[str],
) -> None:
    found = difference(
        [Wanted(reference, b"{}", digest, points.get(reference, [])) for reference, digest in wanted.items()],
        held,
        its_own,
        sorted(begun),
    )
    there = {reference: one.digest for reference, one in held.items()} | {
        one: b"perhaps" for one in begun if one not in held
    }
    for put in found.puts:
        assert put.there == held.get(put.reference, HeldThere("", "", b"") if put.reference in begun else None)
        assert there.get(put.reference) != put.digest, "what is there is not sent"
        there[put.reference] = put.digest
    for removal in found.removals:
        assert removal.reference not in wanted
        del there[removal.reference]
    for reference, digest in wanted.items():
        if reference not in its_own:
            assert there[reference] == digest
    left = there.keys() - wanted.keys()
    assert all(not held[reference].made for reference in left), "what it had itself stays, nothing else"
    assert bool(found) == bool(found.puts or found.removals)


@given(
    edges=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda edge: edge[0] != edge[1]), max_size=15
    ),
    order=st.permutations(range(7)),
)
def test_nothing_points_at_what_comes_later(edges: list[tuple[int, int]], order: list[int]) -> None:
    """Where there is such an order: here the higher number points at the lower."""
    points: dict[str, list[str]] = {}
    for one, other in edges:
        points.setdefault(REFERENCES[max(one, other)], []).append(REFERENCES[min(one, other)])
    wanted = [Wanted(REFERENCES[one], b"{}", b"new", points.get(REFERENCES[one], [])) for one in order]
    placed = [put.reference for put in difference(wanted, {}).puts]
    assert sorted(placed) == sorted(REFERENCES)
    for source, targets in points.items():
        for target in targets:
            assert placed.index(target) < placed.index(source)


def test_rings_are_sent_all_the_same() -> None:
    ring = [Wanted("A/1", b"{}", b"", ["A/2"]), Wanted("A/2", b"{}", b"", ["A/3"]), Wanted("A/3", b"{}", b"", ["A/1"])]
    assert {put.reference for put in difference(ring, {}).puts} == {"A/1", "A/2", "A/3"}


def test_removals_go_the_other_way_round() -> None:
    held = {"Patient/p": HeldThere("", "", b"1"), "Observation/1": HeldThere("", "", b"1")}
    assert [one.reference for one in difference([], held).removals] == ["Observation/1", "Patient/p"]


def test_a_digest_is_of_what_is_said() -> None:
    """Not of the id, the narrative, our version and our time; of everything else, the profile's meta included."""
    tag = {"tag": [{"code": "x"}]}
    said = {"resourceType": "Observation", "valueString": "a", "meta": tag}
    same = {**said, "id": "1", "text": {"div": "x"}, "meta": {**tag, "versionId": "7", "lastUpdated": "now"}}
    turned = dict(reversed(list(same.items())))
    assert digest_of(said) == digest_of(same) == digest_of(turned)
    assert digest_of(said) != digest_of({**said, "valueString": "b"})
    assert digest_of(said) != digest_of({**said, "meta": {}})
