"""Over real sockets, signed in: what every request carries, and what becomes of a sign-in that is refused."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from adapters.conformance import conformance_of
from adapters.conformance_rules import Verdict
from adapters.errors import ContentRefused, NotAuthorised, NotSent, Overloaded, Unreachable
from adapters.nrl import NrlAdapter
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from security.clock import system_clock
from tests.adapters.certificates import Authority
from tests.adapters.nrl_world import API_KEY, KEY, NUMBER, ORGANISATION, TYPES, cpr, described, given, parcel, person
from tests.standins.nrl import POINTERS, Nrl, nrl_server
from tests.standins.nrl_tokens import Tokens


def served_nrl(origin: str) -> Nrl:
    return Nrl(
        {name: set(types) for name, types in TYPES.items()}, tokens=Tokens(f"{origin}/oauth2/token", API_KEY, KEY)
    )


@pytest.fixture
def served() -> Iterator[tuple[str, Nrl]]:
    with nrl_server(served_nrl) as both:
        yield both


def adapter_of(origin: str, folder: Path, **changed: Any) -> NrlAdapter:
    partner = described(origin, folder, **changed)
    around = Surroundings(system_clock, "https://ours.example/fhir/R4", b"", private_addresses=True)
    adapter = kind_of(partner).adapter(partner, around)
    assert isinstance(adapter, NrlAdapter)
    return adapter


async def test_a_life_at_nrl(served: tuple[str, Nrl], tmp_path: Path):
    origin, nrl = served
    adapter = adapter_of(origin, tmp_path)
    await given(adapter, parcel(person(), cpr()))
    assert len(nrl.pointers(NUMBER)) == 1
    await given(adapter, parcel(sequence=2))
    assert nrl.held == {}
    await adapter.close()
    assert nrl.lines() == ["POST /_search", "POST", "DELETE /id"]
    assert nrl.tokens is not None
    assert nrl.tokens.given == 1, "one token for all"
    assert [one.path for one in nrl.asked[:2]] == [f"{POINTERS}/_search", POINTERS]
    assert all(NUMBER not in one.path for one in nrl.asked)


async def test_every_attempt_has_an_id_of_its_own_and_those_at_one_parcel_share_one(
    served: tuple[str, Nrl], tmp_path: Path
):
    origin, nrl = served
    adapter = adapter_of(origin, tmp_path)
    nrl.faults.extend(["busy", "", "busy"])
    for fault in (Overloaded, Overloaded, None):
        if fault is None:
            await given(adapter, parcel(person(), cpr()))
        else:
            with pytest.raises(fault) as caught:
                await given(adapter, parcel(person(), cpr()))
            assert caught.value.retry_after == 2.0
    await given(adapter, parcel(sequence=2))
    await adapter.close()
    ids = [UUID(one.headers["x-request-id"]) for one in nrl.asked]
    assert len(set(ids)) == len(ids) == 6
    correlated = [UUID(one.headers["x-correlation-id"]) for one in nrl.asked]
    assert len(set(correlated[:5])) == 1
    assert correlated[5] != correlated[0]
    assert {one.headers["nhsd-end-user-organisation-ods"] for one in nrl.asked} == {ORGANISATION}


async def test_a_token_that_is_no_longer_good_is_refreshed_once(served: tuple[str, Nrl], tmp_path: Path):
    origin, nrl = served
    assert nrl.tokens is not None
    adapter = adapter_of(origin, tmp_path)
    await given(adapter, parcel(person(), cpr()))
    nrl.tokens.good.clear()
    await given(adapter, parcel(sequence=2))
    assert nrl.held == {}
    assert nrl.tokens.given == 2
    nrl.answers.extend(nrl.outcome(401, "ACCESS_DENIED", "") for _ in range(3))
    with pytest.raises(NotAuthorised):
        await given(adapter, parcel(person(), cpr(), sequence=3))
    assert (nrl.tokens.given, len(nrl.answers)) == (3, 1), "not in a circle"
    ids = [one.headers["x-request-id"] for one in nrl.asked]
    assert len(set(ids)) == len(ids) == 6, "also what is sent once more has an id of its own"
    await adapter.close()


@pytest.mark.parametrize("why", ["key", "client", "audience", "down"])
async def test_a_sign_in_that_is_refused(served: tuple[str, Nrl], tmp_path: Path, why: str):
    origin, nrl = served
    assert nrl.tokens is not None
    if why == "key":
        nrl.tokens.key = type(KEY).generate_key(2048, {"kid": "zz-int-1"})
    elif why == "client":
        nrl.tokens.api_key = "another-environments-key"
    elif why == "audience":
        nrl.tokens.url += "/"
    else:
        nrl.tokens.down = True
    adapter = adapter_of(origin, tmp_path)
    # of an endpoint that is down nobody has to mend our sign-in: it is tried again
    with pytest.raises(Overloaded if why == "down" else NotAuthorised) as caught:
        await given(adapter, parcel(person(), cpr()))
    await adapter.close()
    assert nrl.asked == []
    assert API_KEY not in str(caught.value)


async def test_an_organisation_that_is_not_onboarded_and_a_type_it_may_not_publish(
    served: tuple[str, Nrl], tmp_path: Path
):
    origin, nrl = served
    for changed in ({"organisation": "ZZHSP9"}, {"type": "735324008"}):
        adapter = adapter_of(origin, tmp_path, **changed)
        with pytest.raises(NotAuthorised) as caught:
            await given(adapter, parcel(person(), cpr()))
        await adapter.close()
        assert caught.value.status == 403
    assert nrl.held == {}


async def test_a_schema_that_knows_one_extension(served: tuple[str, Nrl], tmp_path: Path):
    origin, nrl = served
    nrl.schema = 2024
    adapter = adapter_of(origin, tmp_path)
    with pytest.raises(ContentRefused):
        await given(adapter, parcel(person(), cpr()))
    await adapter.close()
    adapter = adapter_of(origin, tmp_path, retrieval=False)
    await given(adapter, parcel(person(), cpr()))
    await adapter.close()
    assert len(nrl.pointers(NUMBER)) == 1


async def test_the_conformance_pack_finds_nothing_broken_and_leaves_nothing(served: tuple[str, Nrl], tmp_path: Path):
    origin, nrl = served
    around = Surroundings(system_clock, "https://ours.example/fhir/R4", b"", private_addresses=True)
    report = await conformance_of(described(origin, tmp_path), around)
    assert [one.rule.id for one in report.results if one.verdict is Verdict.BROKEN] == []
    assert report.count(Verdict.HOLDS) >= 5
    assert nrl.lines().count("POST") == 1
    assert nrl.lines()[-2:] == ["DELETE /id", "POST /_search"]
    assert (nrl.held, report.left) == ({}, [])


async def test_the_conformance_pack_tells_a_search_that_finds_nothing(served: tuple[str, Nrl], tmp_path: Path):
    origin, nrl = served
    around = Surroundings(system_clock, "https://ours.example/fhir/R4", b"", private_addresses=True)
    nrl.blind = True
    report = await conformance_of(described(origin, tmp_path), around)
    broken = {one.rule.id for one in report.results if one.verdict is Verdict.BROKEN}
    assert "nrl-found" in broken


async def test_only_the_authority_that_is_named_is_believed(tmp_path: Path):
    ours, other = Authority(tmp_path), Authority(tmp_path, "Another")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = ours.certify("localhost")
    context.load_cert_chain(server.certificate, server.key)
    with nrl_server(served_nrl, context) as (origin, nrl):
        for authority in (other, ours):
            adapter = adapter_of(origin, tmp_path, ca_file=authority.ca.name)
            if authority is other:
                with pytest.raises(NotSent):
                    await given(adapter, parcel(person(), cpr()))
                assert nrl.asked == []
            else:
                await given(adapter, parcel(person(), cpr()))
            await adapter.close()
        assert len(nrl.pointers(NUMBER)) == 1


async def test_nobody_there_and_a_cut_connection_name_nobody(served: tuple[str, Nrl], tmp_path: Path):
    origin, nrl = served
    adapter = adapter_of("http://127.0.0.1:9", tmp_path)
    with pytest.raises(NotSent) as nobody:
        await given(adapter, parcel(person(), cpr()))
    await adapter.close()
    adapter = adapter_of(origin, tmp_path)
    nrl.faults.append("lost")
    with pytest.raises(Unreachable) as cut:
        await given(adapter, parcel(person(), cpr()))
    await adapter.close()
    assert not any(word in f"{nobody.value} {cut.value}" for word in (NUMBER, "Invented"))
