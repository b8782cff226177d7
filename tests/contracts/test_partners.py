"""What the sync engine may lean on at every kind of partner: `adapters.base` as rules that can be tried.

1. What is confirmed is there, and all that is carried is confirmed, each part once.
2. The same parcel again has the effect of one.
3. What was sent, and whose answer never came, has one effect when it is sent again.
4. An update is the next version of what is there; what is as it was is not touched.
5. A removal takes away what we made, may be repeated, and takes nothing else.
6. Nothing is overwritten that the partner changed.
7. Nothing is written about anybody but the person meant.
8. What the partner's people write comes to us whole, with its version and in our words, whenever it is read.
9. A failure is one of `adapters.errors`, and says nothing of anybody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.base import Adapter, Message, Prefills
from adapters.errors import ChangedThere, OtherPerson, OutsideError, Unreachable
from adapters.registry import KINDS as REGISTERED
from tests.contracts.partners import KINDS, ONLY_ASKED, SOURCES, Far, Fleet
from tests.contracts.people import HOSPICE, Books, books_of
from tests.peers.fhir_router import HOW_TO_GET, available

INBOUND = {"itk-111"}
"""Kinds that are given nothing and are asked by nobody: what rules 8 and 9 ask of them is in their own tests."""
NUMBERS = iter(range(700_000, 701_000))
"""People of these tests: every test has one of its own."""


@pytest.fixture(scope="module")
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    made = Fleet(lambda: request.getfixturevalue("service"))
    yield made
    made.close()


@pytest.fixture(
    params=[
        pytest.param(
            kind,
            marks=[pytest.mark.peer, pytest.mark.skipif(not available(), reason=HOW_TO_GET)]
            if kind == "router"
            else [],
        )
        for kind in KINDS
    ]
)
def far(request: pytest.FixtureRequest, fleet: Fleet, tmp_path: Path) -> Far:
    """A partner of each kind."""
    return fleet.far(request.param, tmp_path)


@pytest.fixture
async def adapter(far: Far) -> AsyncIterator[Adapter]:
    opened = far.adapter()
    yield opened
    await opened.close()


@pytest.fixture
def books() -> Books:
    """What the engine would remember of this partner and a person whom nobody else has."""
    return books_of(next(NUMBERS))


async def told(far: Far, adapter: Adapter, books: Books) -> None:
    """Let the partner hold the person and two entries."""
    someone = books.person()
    receipts = await books.give(
        adapter, books.parcel(someone, books.place(), books.place(HOSPICE, "o2"), patient=someone)
    )
    assert {books.name("o1"), books.name("o2")} <= {one.reference for one in receipts}


def test_every_kind_is_held_against_the_contract() -> None:
    families = {"stand-in": "fhir", "ourselves": "fhir", "router": "fhir"}
    tried = {families.get(kind.partition(":")[0], kind) for kind in KINDS}
    ours = {name for name, kind in REGISTERED.items() if type(kind).__module__.startswith("adapters.")}
    assert tried | ONLY_ASKED | SOURCES | INBOUND == ours
    assert not tried & INBOUND


async def test_what_is_confirmed_is_there_and_each_part_once(far: Far, adapter: Adapter, books: Books) -> None:
    before, someone = await far.there(books), books.person()
    parcel = books.parcel(someone, books.place(), books.place(HOSPICE, "o2"), patient=someone)
    receipts = await books.give(adapter, parcel)
    references = [one.reference for one in receipts]
    assert len(references) == len(set(references))
    assert {books.name("o1"), books.name("o2")} <= set(references) <= {put.reference for put in parcel.puts}
    digests = {put.reference: put.digest for put in parcel.puts}
    assert all(one.there is not None and one.there.digest == digests[one.reference] for one in receipts)
    after = await far.there(books)
    assert len(after) - len(before) == (2 if far.keeps else 1)
    if far.keeps:
        assert {books.held[one].theirs for one in (books.name("o1"), books.name("o2"))} == set(after)
        assert all(after[books.held[one].theirs] == books.held[one].version for one in (books.name("o1"),))


async def test_the_same_parcel_again_has_the_effect_of_one(far: Far, adapter: Adapter, books: Books) -> None:
    someone = books.person()
    parcel = books.parcel(someone, books.place(), patient=someone)
    await books.give(adapter, parcel)
    first, before = dict(books.held), await far.there(books)
    for _ in range(2):
        fresh = far.adapter()
        await books.give(fresh, parcel)
        await fresh.close()
    assert books.held[books.name("o1")] == first[books.name("o1")]
    assert (await far.there(books)).keys() == before.keys()
    if far.keeps:
        assert await far.there(books) == before


@pytest.mark.parametrize("died", [False, True], ids=["the answer", "the answer and whoever asked"])
async def test_an_answer_that_is_lost_has_one_effect(far: Far, adapter: Adapter, books: Books, died: bool) -> None:
    if not far.stands_for_all:  # then what is given first is the one thing of which an answer can be lost
        await told(far, adapter, books)
    before = await far.there(books)
    parcel = books.parcel(books.place(id="o3"), patient=books.person())
    await far.lose(adapter, parcel)
    again = adapter
    if died:
        again = far.adapter()
        books.intend(parcel)
        parcel = books.parcel(books.place(id="o3"), patient=books.person(), key=parcel.key) if far.keeps else parcel
    await books.give(again, parcel)
    if died:
        await again.close()
    after = await far.there(books)
    assert len(after) == len(before) + 1
    if far.keeps:
        assert after[books.held[books.name("o3")].theirs] == books.held[books.name("o3")].version


async def test_an_update_is_the_next_version_and_what_is_as_it_was_is_not_touched(
    far: Far, adapter: Adapter, books: Books
) -> None:
    await told(far, adapter, books)
    was, before = dict(books.held), await far.there(books)
    changed = [books.place(HOSPICE), books.place(HOSPICE, "o2")]
    await books.give(adapter, books.parcel(*changed, patient=books.person()))
    after = await far.there(books)
    assert books.held[books.name("o1")].theirs == was[books.name("o1")].theirs
    if not far.keeps:
        assert len(after) == len(before) + (not far.stands_for_all)
        return
    first, second = (books.held[books.name(id)] for id in ("o1", "o2"))
    assert after.keys() == before.keys()
    assert (after[first.theirs] != before[first.theirs], after[second.theirs]) == (True, before[second.theirs])
    assert first.version == after[first.theirs]
    content = await far.content(books, books.name("o1"))
    assert content["valueCodeableConcept"]["coding"][0]["code"] == HOSPICE


async def test_a_removal_takes_away_what_we_made_and_may_be_repeated(far: Far, adapter: Adapter, books: Books) -> None:
    await told(far, adapter, books)
    held, before = books.held[books.name("o1")], await far.there(books)
    parcel = books.parcel(gone=(books.name("o1"),), patient=books.person())
    receipts = await books.give(adapter, parcel)
    assert [(one.reference, one.there) for one in receipts] == [(books.name("o1"), None)]
    after = await far.there(books)
    if far.keeps:
        assert before.keys() - after.keys() == {held.theirs}
    else:
        assert len(after) == len(before) + (not far.stands_for_all)
    fresh = far.adapter()
    books.held[books.name("o1")] = held
    again = await books.give(fresh, parcel)
    await fresh.close()
    assert [(one.reference, one.there) for one in again] == [(books.name("o1"), None)]
    assert (await far.there(books)).keys() == after.keys()


async def test_what_stands_for_all_is_there_while_anything_may_be_seen(
    far: Far, adapter: Adapter, books: Books
) -> None:
    if not far.stands_for_all:
        pytest.skip("each resource or parcel stands for itself there")
    await told(far, adapter, books)
    await books.give(adapter, books.parcel(gone=(books.name("o1"),), patient=books.person()))
    assert len(await far.there(books)) == 1
    parcel = books.parcel(gone=(books.name("o2"), books.patient), patient=None)
    receipts = await books.give(adapter, parcel)
    assert {one.reference for one in receipts if one.there is None} == {books.name("o2"), books.patient}
    assert await far.there(books) == {}
    fresh = far.adapter()
    await books.give(fresh, parcel)
    await fresh.close()
    assert await far.there(books) == {}


async def test_what_the_partner_changed_is_not_overwritten(far: Far, adapter: Adapter, books: Books) -> None:
    if not far.keeps:
        pytest.skip("it holds nothing that could be overwritten")
    await told(far, adapter, books)
    await far.change(books, books.name("o1"), HOSPICE)
    before = await far.there(books)
    other = {**books.place(), "status": "amended"}
    with pytest.raises(ChangedThere) as caught:
        await books.give(adapter, books.parcel(other, patient=books.person()))
    assert caught.value.reference == books.name("o1")
    with pytest.raises(ChangedThere):
        await books.give(adapter, books.parcel(gone=(books.name("o1"),), patient=books.person()))
    assert await far.there(books) == before


async def test_nothing_is_written_about_anybody_else(far: Far, adapter: Adapter, books: Books) -> None:
    if not far.finds:
        pytest.skip("nobody is looked for there: whoever receives it compares")
    await told(far, adapter, books)
    before = await far.there(books)
    strange = Books(subject=books.subject, number=books.number)
    with pytest.raises(OtherPerson) as caught:
        await strange.give(adapter, strange.parcel(books.place(id="o9"), patient=books.person(birthDate="1901-01-01")))
    assert "1901" not in f"{caught.value} {caught.value.why}"
    assert await far.there(books) == before


async def test_what_is_written_there_comes_to_us_whenever_it_is_read(far: Far, adapter: Adapter, books: Books) -> None:
    if not far.sends:
        assert list((await adapter.poll("")).messages) == []
        return
    await told(far, adapter, books)
    held = books.held[books.name("o1")]
    await far.change(books, books.name("o1"), HOSPICE)
    message = await _message_about(adapter, books, held.theirs)
    [arrived] = adapter.arrived(message)
    assert [arrived] == list(adapter.arrived(message)), "reading is pure"
    fresh = far.adapter()
    assert [arrived] == list(fresh.arrived(message)), "also after a start"
    await fresh.close()
    assert (arrived.theirs, arrived.whom) == (held.theirs, books.whom)
    assert arrived.resource is not None
    assert [one["code"] for one in arrived.resource["valueCodeableConcept"]["coding"]] == [HOSPICE]
    assert (arrived.version != held.version) == far.keeps
    for _ in range(2):
        await adapter.settled(message)


async def _message_about(adapter: Adapter, books: Books, theirs: str) -> Message:
    """Return the one message about a resource, had by asking what is new, or for the person."""
    try:
        messages = list((await adapter.poll("")).messages)
    except OutsideError:
        assert isinstance(adapter, Prefills)
        messages = list(await adapter.of_person(books.whom))
    [message] = [one for one in messages if adapter.arrived(one)[0].theirs == theirs]
    return message


async def test_a_system_that_does_not_answer_is_a_fact_that_names_nobody(far: Far, books: Books) -> None:
    adapter, someone = await far.away(), books.person()
    with pytest.raises(Unreachable) as caught:
        await books.give(adapter, books.parcel(someone, books.place(), patient=someone))
    await adapter.close()
    assert books.held == {}
    assert books.number not in str(caught.value)
    assert "Invented" not in str(caught.value)
