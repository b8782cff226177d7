"""PDS is asked as it wants to be asked, and what it answers is a fact: against a strict stand-in on a real socket."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.errors import (
    ContentRefused,
    Faulty,
    NotAuthorised,
    NotThere,
    NumberInvalidated,
    Overloaded,
    PersonUnknown,
    Refused,
    Unintelligible,
    Unreachable,
)
from adapters.partners import Partner
from adapters.pds import Pds, Traced
from adapters.pds_partner import PdsKind, PdsPartner
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from security.errors import InvalidConfiguration
from service import logs
from service.people.invented import nhs_number
from tests.adapters.parcels import parcel
from tests.adapters.pds_world import KEY, World, described, pds_world, private
from tests.standins.pds import person

NUMBER, NEW, THIRD = (nhs_number(611_000 + index) for index in range(3))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with pds_world(tmp_path) as running:
        running.pds.add(person(NUMBER))
        yield running


@pytest.fixture
async def pds(world: World) -> AsyncIterator[Pds]:
    client = world.client()
    yield client
    await client.close()


async def test_a_person_is_found_by_number(world: World, pds: Pds) -> None:
    found = await pds.person(NUMBER)
    assert (found.nhs_number, found.family, found.gp_ods, found.superseded) == (NUMBER, "Testley", "ZZGP01", False)
    assert len(world.pds.tokens) == 1


async def test_a_number_that_was_superseded_leads_to_the_new_one(world: World, pds: Pds) -> None:
    world.pds.add(person(NEW))
    world.pds.superseded[NUMBER] = NEW
    found = await pds.person(NUMBER)
    assert (found.asked, found.nhs_number, found.superseded) == (NUMBER, NEW, True)


async def test_nobody_and_nobody_any_more_are_two_facts(world: World, pds: Pds) -> None:
    world.pds.invalidated.add(NEW)
    with pytest.raises(NumberInvalidated):
        await pds.person(NEW)
    with pytest.raises(PersonUnknown):
        await pds.person(THIRD)


async def test_what_is_no_number_is_never_sent(world: World, pds: Pds) -> None:
    for wrong in ("9990000000", "", "../Patient", f"{NUMBER}?x=1"):
        with pytest.raises(ContentRefused):
            await pds.person(wrong)
    assert world.pds.requests == []


async def test_a_wrong_address_is_not_taken_for_an_unknown_person(world: World) -> None:
    client = world.client(base=f"http://127.0.0.1:{world.pds.port}/elsewhere")
    with pytest.raises(Refused) as caught:
        await client.person(NUMBER)
    await client.close()
    assert not isinstance(caught.value, PersonUnknown | NumberInvalidated)


async def test_a_404_without_a_code_of_pds_says_of_nobody(world: World, pds: Pds) -> None:
    world.pds.busy = [(404, "")]
    with pytest.raises(NotThere) as caught:
        await pds.person(NUMBER)
    assert type(caught.value) is NotThere


@pytest.mark.parametrize("status", [408, 429])
async def test_who_is_told_when_to_come_back_comes_back_then_as_the_same(world: World, pds: Pds, status: int) -> None:
    world.pds.busy = [(status, "3"), (status, "2")]
    assert (await pds.person(NUMBER)).nhs_number == NUMBER
    assert world.time.waited == [3.0, 2.0]
    assert len(set(world.pds.seen)) == 1
    assert len(world.pds.seen) == 3


async def test_every_question_has_ids_of_its_own(world: World, pds: Pds) -> None:
    await pds.person(NUMBER)
    await pds.person(NUMBER)
    first, second = world.pds.seen
    assert not set(first) & set(second)


@pytest.mark.parametrize(
    ("busy", "asked"), [([(429, "")], 1), ([(408, "60")], 1), ([(429, "1")] * 3, 3), ([(503, "2")], 1)]
)
async def test_it_is_left_to_whoever_asked_when_that_takes_longer(
    world: World, pds: Pds, busy: list[tuple[int, str]], asked: int
) -> None:
    world.pds.busy = list(busy)
    with pytest.raises(Overloaded) as caught:
        await pds.person(NUMBER)
    assert caught.value.retry_after == (float(busy[0][1]) if busy[0][1] else None)
    assert len(world.pds.seen) == asked


async def test_no_more_than_five_a_second_are_sent(world: World, pds: Pds) -> None:
    for _ in range(12):
        await pds.person(NUMBER)
    assert len(world.pds.seen) == 12
    assert world.time.seconds == pytest.approx(100.0 + 11 / 5)


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        (b"", Unintelligible),
        (b"[]", Unintelligible),
        (b"{}", Unintelligible),
        (b'{"resourceType": "Patient"}', Unintelligible),
        (b"[" * 100_000, Unintelligible),
        (b'{"resourceType": "Patient", "id": "' + b"9" * 2_000_000 + b'"}', Unintelligible),
    ],
)
async def test_an_answer_that_is_none_is_said(world: World, pds: Pds, answer: bytes, fact: type[Exception]) -> None:
    world.pds.raw = answer
    with pytest.raises(fact) as caught:
        await pds.person(NUMBER)
    assert NUMBER not in str(caught.value)


async def test_a_fault_there_is_a_fact_that_repeats_nothing(world: World, pds: Pds) -> None:
    world.pds.busy = [(500, "")]
    with pytest.raises(Faulty) as caught:
        await pds.person(NUMBER)
    assert caught.value.outcome == b"", "PDS repeats what was asked in its diagnostics"
    assert NUMBER not in str(caught.value)


async def test_no_log_line_names_whom_was_asked_for(world: World, pds: Pds, capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logs.configure("DEBUG")
        await pds.person(NUMBER)
        await pds.trace(Traced("Testley", "1940-05-06"))
    finally:
        logging.getLogger().handlers[:] = before[0]
        logging.getLogger().setLevel(before[1])
    written = capsys.readouterr()
    assert "httpx" in written.err, "the client's own line is there, without what it is about"
    assert all(one not in written.err + written.out for one in (NUMBER, "Testley", "1940-05-06"))


# --- signing in


async def test_one_token_serves_until_shortly_before_it_ends(world: World, pds: Pds) -> None:
    await pds.person(NUMBER)
    world.time.forward(568)
    await pds.person(NUMBER)
    assert len(world.pds.tokens) == 1
    world.time.forward(1)
    await pds.person(NUMBER)
    assert len(world.pds.tokens) == 2


async def test_a_token_that_was_withdrawn_is_replaced_once(world: World, pds: Pds) -> None:
    await pds.person(NUMBER)
    world.pds.tokens["token-1"] = world.time.now.replace(year=2020)
    assert (await pds.person(NUMBER)).nhs_number == NUMBER
    assert len(world.pds.tokens) == 2


@pytest.mark.parametrize("wrong", [{"kid": "another"}, {"token_url": "{}/"}, {"api_key_file": "wrong-key"}])
async def test_who_signs_in_wrongly_asks_nothing(world: World, wrong: dict[str, str]) -> None:
    private(world.folder / "wrong-key", "the-key-of-another-environment")
    client = world.client(auth={name: value.format(world.pds.token_url) for name, value in wrong.items()})
    with pytest.raises(Refused) as caught:
        await client.person(NUMBER)
    await client.close()
    assert world.pds.seen == []
    assert NUMBER not in str(caught.value)


async def test_a_token_endpoint_that_is_down_is_waited_for(world: World, pds: Pds) -> None:
    world.pds.token_answers = [(503, {})]
    with pytest.raises(Overloaded):
        await pds.person(NUMBER)
    assert (await pds.person(NUMBER)).nhs_number == NUMBER


async def test_a_clock_that_is_wrong_is_refused_and_said_to_be_our_sign_in(world: World, pds: Pds) -> None:
    right = world.pds.clock
    world.pds.clock = lambda: right().replace(hour=10)
    with pytest.raises(NotAuthorised):
        await pds.person(NUMBER)
    world.pds.clock = right
    assert (await pds.person(NUMBER)).nhs_number == NUMBER


# --- tracing


async def test_a_trace_has_one_candidate_and_says_how_sure_pds_is(world: World, pds: Pds) -> None:
    found = await pds.trace(Traced("Testley", "1940-05-06", given="Ada", postcode="LS1 6AE"))
    [candidate] = found.people
    assert (candidate.person.nhs_number, candidate.score, found.too_many) == (NUMBER, 0.8976, False)


async def test_a_trace_that_fits_nobody_or_several_shows_nobody(world: World, pds: Pds) -> None:
    assert (await pds.trace(Traced("Nobody", "1940-05-06"))).people == ()
    world.pds.add(person(NEW))
    found = await pds.trace(Traced("Testley", "1940-05-06"))
    assert (found.people, found.too_many) == ((), True)


async def test_a_trace_by_postcode_finds_nobody_who_is_restricted(world: World, pds: Pds) -> None:
    world.pds.add(person(NUMBER, flag="R"))
    assert (await pds.trace(Traced("Testley", "1940-05-06", postcode="LS1 6AE"))).people == ()
    [candidate] = (await pds.trace(Traced("Testley", "1940-05-06"))).people
    assert candidate.person.sflag == "R"


# --- the kind


async def test_nothing_is_given_to_pds_and_nothing_comes(world: World) -> None:
    around = Surroundings(world.time.clock, "https://ours.test/fhir/R4", b"", private_addresses=True)
    partner = described(world.folder, world.pds.base, world.pds.token_url)
    adapter = kind_of(partner).adapter(partner, around)
    assert isinstance(adapter, PdsPartner)
    with pytest.raises(ContentRefused):
        await anext(adapter.give(parcel()))
    assert (await adapter.poll("")).messages == ()
    assert (await adapter.pds.person(NUMBER)).nhs_number == NUMBER
    await adapter.close()
    with pytest.raises(InvalidConfiguration):
        kind_of(partner).adapter(partner, Surroundings(world.time.clock, "https://ours.test/fhir/R4", b""))


async def test_a_system_that_is_away_is_a_fact_that_names_nobody(world: World) -> None:
    client = world.client(base="http://127.0.0.1:9/FHIR/R4")
    with pytest.raises(Unreachable) as caught:
        await client.person(NUMBER)
    await client.close()
    assert NUMBER not in str(caught.value)


def problems(partner: Partner) -> list[str]:
    with pytest.raises(InvalidConfiguration) as caught:
        kind_of(partner)
    return caught.value.problems


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base": "http://elsewhere.test/FHIR/R4"}, "https"),
        ({"base": "https://api.service.nhs.uk/personal-demographics/FHIR/R4/"}, "no `/`"),
        ({"per_second": 0}, "per_second"),
        ({"ca_file": "missing.pem"}, "ca_file"),
        ({"auth": {"kid": ""}}, "kid"),
        ({"auth": {"key_file": "missing"}}, "key_file"),
        ({"auth": {"api_key_file": "missing"}}, "api_key_file"),
        ({"auth": {"user_restricted": True}}, "user_restricted"),
        ({"auth": {"token_url": "https://api.test/oauth2/token/"}}, "no `/`"),
        ({"secret": "x"}, "settings"),
    ],
)
def test_a_description_that_does_not_fit_is_said(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    good = {"base": "https://api.test/FHIR/R4"}
    partner = described(tmp_path, **{**good, "token_url": "https://api.test/oauth2/token", **settings})
    assert any(said in one for one in problems(partner)), problems(partner)


@pytest.mark.parametrize(
    "other",
    [{"gets": True}, {"sends": True}, {"mapping": "x.json"}, {"person": ("telecom",)}],
    ids=lambda one: str(*one),
)
def test_it_is_neither_given_anything_nor_heard(tmp_path: Path, other: dict[str, Any]) -> None:
    good = described(tmp_path, "https://api.test/FHIR/R4", "https://api.test/oauth2/token")
    assert isinstance(kind_of(good), PdsKind)
    partner = Partner(msgspec.structs.replace(good.description, **other), tmp_path)
    assert any(next(iter(other)) in one for one in problems(partner))


def test_a_key_that_is_not_private_is_refused(tmp_path: Path) -> None:
    partner = described(tmp_path, "https://api.test/FHIR/R4", "https://api.test/oauth2/token")
    (tmp_path / "key.jwk").write_text(json.dumps(KEY.as_dict(private=False)))
    assert any("private RSA key" in one for one in problems(partner))
    (tmp_path / "key.jwk").write_text(json.dumps({**KEY.as_dict(private=True), "alg": "RS384"}))
    assert any("another algorithm" in one for one in problems(partner))
    (tmp_path / "key.jwk").write_text("not a key")
    assert any("no RSA key" in one for one in problems(partner))
    (tmp_path / "key.jwk").write_bytes(KEY.as_pem(private=True))
    assert isinstance(kind_of(partner), PdsKind)
