"""Lost, refused or changed on the way: it is at a FHIR partner once, and nothing of theirs is overwritten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.errors import (
    ChangedThere,
    Conflict,
    ContentRefused,
    Faulty,
    Overloaded,
    Unintelligible,
    Unreachable,
)
from tests.adapters.fhir_world import (
    Json,
    Ledger,
    observation,
    speaking_to,
    theirs_patient,
)
from tests.adapters.small_server import Reply, SmallServer, cut, small_server, untold


@pytest.fixture
def server() -> Iterator[SmallServer]:
    with small_server() as running:
        yield running


@pytest.mark.parametrize("once", ["if-none-exist", "idempotency-key"])
@pytest.mark.parametrize("fault", ["cut", "500"])
async def test_a_create_whose_answer_is_lost_has_its_effect_once(server: SmallServer, once: str, fault: str) -> None:
    server.add(theirs_patient())
    lost = cut if fault == "cut" else lambda asked, reply: Reply(500)
    server.after.append(("POST /fhir/Observation", lost))
    ledger = Ledger()
    async with speaking_to(server.base, once=once) as partner:
        with pytest.raises((Unreachable, Faulty)):
            await ledger.give(partner, ledger.parcel(observation(), key="the-same"))
    async with speaking_to(server.base, once=once) as partner:
        await ledger.give(partner, ledger.parcel(observation(), key="the-same"))
    [stored] = server.of("Observation")
    assert ledger.held["Observation/o1"].theirs == f"Observation/{stored['id']}"


@pytest.mark.parametrize("once", ["if-none-exist", "idempotency-key"])
async def test_a_create_whose_answer_is_lost_and_a_change_after_it_are_one_resource(
    server: SmallServer, once: str
) -> None:
    server.add(theirs_patient())
    server.after.append(("POST /fhir/Observation", cut))
    ledger = Ledger()
    async with speaking_to(server.base, once=once) as partner:
        with pytest.raises(Unreachable):
            await ledger.give(partner, ledger.parcel(observation("First")))
        await ledger.give(partner, ledger.parcel(observation("Second")))
    [stored] = server.of("Observation")
    assert stored["valueString"] == "Second"
    assert ledger.held["Observation/o1"].version == "2"


@pytest.mark.parametrize("kind", ["Provenance", "QuestionnaireResponse"])
async def test_what_has_no_list_of_identifiers_is_made_once_too(server: SmallServer, kind: str) -> None:
    server.add(theirs_patient())
    resource: Json = {"resourceType": kind, "id": "x1", "target": [{"reference": "Patient/p1"}]}
    if kind == "QuestionnaireResponse":
        resource = {"resourceType": kind, "id": "x1", "identifier": {"system": "https://x.example", "value": "1"}}
    server.after.append((f"POST /fhir/{kind}", cut))
    ledger = Ledger()
    async with speaking_to(server.base) as partner:
        with pytest.raises(Unreachable):
            await ledger.give(partner, ledger.parcel(resource))
        await ledger.give(partner, ledger.parcel(resource))
    assert len(server.of(kind)) == 1


async def test_an_update_whose_answer_is_lost_is_known_again(server: SmallServer) -> None:
    server.add(theirs_patient())
    ledger = Ledger()
    async with speaking_to(server.base) as partner:
        await ledger.give(partner, ledger.parcel(observation("First")))
        server.after.append(("PUT", cut))
        with pytest.raises(Unreachable):
            await ledger.give(partner, ledger.parcel(observation("Second")))
        await ledger.give(partner, ledger.parcel(observation("Second")))
        assert ledger.held["Observation/o1"].version == "2"
        server.after.append(("PUT", cut))
        with pytest.raises(Unreachable):
            await ledger.give(partner, ledger.parcel(observation("Third")))
        await ledger.give(partner, ledger.parcel(observation("Fourth")))
    assert server.of("Observation")[0]["valueString"] == "Fourth"
    assert ledger.held["Observation/o1"].version == "4"


@pytest.mark.parametrize("what", ["changed", "deleted"])
@pytest.mark.parametrize("then", ["update", "remove"])
async def test_what_the_partner_changed_is_not_overwritten(server: SmallServer, what: str, then: str) -> None:
    server.add(theirs_patient())
    ledger = Ledger()
    async with speaking_to(server.base) as partner:
        await ledger.give(partner, ledger.parcel(observation("First")))
        there = ledger.held["Observation/o1"].theirs
        if what == "changed":
            server.change(there, valueString="Changed by them")
        else:
            server.held[there] = None
        before = server.held[there]
        if then == "remove":
            parcel = ledger.parcel(gone=("Observation/o1",))
        else:
            parcel = ledger.parcel(observation("Second"))
        if (what, then) == ("deleted", "remove"):
            await ledger.give(partner, parcel)
            assert "Observation/o1" not in ledger.held
            return
        with pytest.raises(ChangedThere) as caught:
            await ledger.give(partner, parcel)
    assert caught.value.reference == "Observation/o1"
    assert isinstance(caught.value, Conflict)
    assert "First" not in str(caught.value)
    assert server.held[there] == before


async def test_a_version_that_was_never_told_is_asked_for(server: SmallServer) -> None:
    server.add(theirs_patient())
    ledger = Ledger()
    async with speaking_to(server.base) as partner:
        await ledger.give(partner, ledger.parcel(observation("First")))
        server.after.append(("PUT /fhir/Observation", untold))
        await ledger.give(partner, ledger.parcel(observation("Second")))
        assert ledger.held["Observation/o1"].version == ""
        await ledger.give(partner, ledger.parcel(observation("Third")))
        assert [one.headers["if-match"] for one in server.sent("PUT")] == ['W/"1"', 'W/"2"']
        server.after.append(("PUT /fhir/Observation", untold))
        await ledger.give(partner, ledger.parcel(observation("Fourth")))
        await ledger.give(partner, ledger.parcel(gone=("Observation/o1",)))
    assert server.sent("DELETE")[0].headers["if-match"] == 'W/"4"'
    assert server.of("Observation") == []


@pytest.mark.parametrize("then", ["update", "remove"])
async def test_what_the_partner_changed_after_a_version_that_was_never_told_is_not_overwritten(
    server: SmallServer, then: str
) -> None:
    server.add(theirs_patient())
    ledger = Ledger()
    async with speaking_to(server.base) as partner:
        await ledger.give(partner, ledger.parcel(observation("First")))
        server.after.append(("PUT /fhir/Observation", untold))
        await ledger.give(partner, ledger.parcel(observation("Second")))
        server.change(ledger.held["Observation/o1"].theirs, valueString="Theirs")
        gone = ("Observation/o1",) if then == "remove" else ()
        again = () if gone else (observation("Third"),)
        with pytest.raises(ChangedThere):
            await ledger.give(partner, ledger.parcel(*again, gone=gone))
    assert server.of("Observation")[0]["valueString"] == "Theirs"


@pytest.mark.parametrize("once", ["if-none-exist", "idempotency-key"])
async def test_what_was_made_by_a_create_without_an_answer_can_be_taken_back(server: SmallServer, once: str) -> None:
    server.add(theirs_patient())
    kept = server.add(observation("Of their own", subject={"reference": "Patient/t1"}))
    server.after.append(("POST /fhir/Observation", cut))
    ledger = Ledger()
    async with speaking_to(server.base, once=once) as partner:
        parcel = ledger.parcel(observation())
        ledger.intend(parcel)
        with pytest.raises(Unreachable):
            await ledger.give(partner, parcel)
    assert len(server.of("Observation")) == 2
    async with speaking_to(server.base, once=once) as partner:
        await ledger.give(partner, ledger.parcel(gone=("Observation/o1",), patient=None))
    assert server.of("Observation") == [server.current(kept)]
    assert "Observation/o1" not in ledger.held


@pytest.mark.parametrize(
    ("reply", "fact", "retry_after"),
    [
        (Reply(429, headers={"Retry-After": "7"}), Overloaded, 7.0),
        (Reply(500), Faulty, None),
        (Reply(302, headers={"Location": "http://127.0.0.1:1/elsewhere"}), Unintelligible, None),
        (Reply(422), ContentRefused, None),
        (Reply(409), Conflict, None),
        (Reply(201, b""), Unintelligible, None),
        (Reply(201, b'{"resourceType":"Bundle","id":"x"}'), Unintelligible, None),
    ],
)
async def test_each_fault_is_a_fact_and_what_was_confirmed_before_it_stays(
    server: SmallServer, reply: Reply, fact: type[Exception], retry_after: float | None
) -> None:
    server.add(theirs_patient())
    ledger = Ledger()
    async with speaking_to(server.base) as partner:
        await ledger.give(partner, ledger.parcel(observation()))
        server.before.append(("POST /fhir/Observation", reply))
        with pytest.raises(fact) as caught:
            await ledger.give(partner, ledger.parcel(observation(id="o2"), observation(id="o3")))
    assert getattr(caught.value, "retry_after", None) == retry_after
    went_on = {"Observation/o3"} if fact in (ContentRefused, Conflict) else set()
    assert set(ledger.held) == {"Patient/p1", "Observation/o1"} | went_on


async def test_one_that_is_refused_keeps_back_only_what_points_at_it(server: SmallServer) -> None:
    server.add(theirs_patient())
    ledger = Ledger()
    async with speaking_to(server.base) as partner:
        await ledger.give(partner, ledger.parcel(observation(), observation(id="o2"), observation(id="o3")))
        server.change(ledger.held["Observation/o2"].theirs, valueString="Changed by them")
        bad = {**observation(id="o4"), "resourceType": "Goal"}
        pointing = observation(id="o5", focus=[{"reference": "Goal/o4"}])
        again = observation(id="o6", focus=[{"reference": "Observation/o5"}])
        parcel = ledger.parcel(bad, pointing, again, observation(id="o7"), gone=("Observation/o2", "Observation/o3"))
        server.before.append(("POST /fhir/Goal", Reply(422)))
        with pytest.raises(ContentRefused):
            await ledger.give(partner, parcel)
        assert set(ledger.held) == {"Patient/p1", "Observation/o1", "Observation/o2", "Observation/o7"}
        assert len(server.of("Observation")) == 3

        with pytest.raises(ChangedThere):
            await ledger.give(partner, ledger.parcel(bad, pointing, again, gone=("Observation/o2",)))
    assert server.current(ledger.held["Observation/o6"].theirs)["focus"] == [
        {"reference": ledger.held["Observation/o5"].theirs}
    ]
    assert server.current(ledger.held["Observation/o5"].theirs)["focus"] == [
        {"reference": ledger.held["Goal/o4"].theirs}
    ]


async def test_what_stays_the_same_is_not_sent(server: SmallServer) -> None:
    server.add(theirs_patient())
    ledger = Ledger()
    async with speaking_to(server.base) as partner:
        await ledger.give(partner, ledger.parcel(observation()))
        count = len(server.asked)
        await ledger.give(partner, ledger.parcel(observation()))
    assert len(server.asked) == count
