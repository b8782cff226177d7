"""Who acts for the person and may read now (rule 5.8), and that they never see more than the person (I7)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_profiles.sections import Section
from security import cells
from security.access_request import RecordFacts
from security.clock import microseconds
from security.consent import decide
from security.consent_match import permitted_to_person
from security.principal import Role
from security.proxies import (
    Proxy,
    ProxyAuthority,
    ProxyGround,
    ProxyKind,
    age_at,
    authority_holds,
    authority_of,
    is_proxy,
)
from tests.security.sharing import NOW, OPEN_GATES, compiled, consent, decision, provision
from tests.security.test_consent_properties import consent_lists, established, records, wider

BORN = "2012-11-23"
ATTORNEY = ProxyGround(ProxyKind.ATTORNEY, registered=True, lacks_capacity=True)
DEPUTY = ProxyGround(ProxyKind.DEPUTY, orders=((0, None),))
PARENT = ProxyGround(ProxyKind.PARENT)
CARER = ProxyGround(ProxyKind.CONSENTED_CARER)
SOME = cells.row(Section.ABOUT_ME)


def authority(*grounds: ProxyGround, agreed: int = cells.NONE, born: str = BORN, at: datetime = NOW, **more):
    return authority_of([Proxy("u1", grounds, **more)], "u1", born, agreed, at, microseconds(at))


def may_act(*grounds: ProxyGround, **more) -> bool:
    found = authority(*grounds, **more)
    return found is not None and authority_holds(found)


@pytest.mark.parametrize(
    ("ground", "acts"),
    [
        (ATTORNEY, True),
        (ProxyGround(ProxyKind.ATTORNEY, lacks_capacity=True), False),
        (ProxyGround(ProxyKind.ATTORNEY, registered=True), False),
        (DEPUTY, True),
        (ProxyGround(ProxyKind.DEPUTY), False),
        (ProxyGround(ProxyKind.DEPUTY, orders=((0, microseconds(NOW)),)), False),
        (ProxyGround(ProxyKind.DEPUTY, orders=((0, microseconds(NOW)), (5, None))), True),
        (CARER, False),
    ],
)
def test_on_their_ground_alone(ground, acts):
    assert may_act(ground) is acts


@pytest.mark.parametrize(
    ("day", "competent", "agreed", "acts"),
    [
        ("2023-11-22", None, 0, True),
        ("2023-11-23", None, 0, False),
        ("2023-11-23", False, 0, True),
        ("2023-11-23", True, 0, False),
        ("2023-11-23", True, SOME, True),
        ("2028-11-22", False, 0, True),
        ("2028-11-23", False, 0, False),
        ("2028-11-23", False, SOME, True),
        ("2030-11-22", None, SOME, True),
        ("2030-11-23", None, SOME, False),
        ("2012-11-22", None, 0, False),
    ],
)
def test_a_parent_by_the_childs_age(day, competent, agreed, acts):
    at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    assert may_act(ProxyGround(ProxyKind.PARENT, competent=competent), agreed=agreed, at=at) is acts


def test_a_birthday_begins_at_midnight_in_london():
    born = "2015-06-10"
    assert may_act(PARENT, born=born, at=datetime(2026, 6, 9, 22, 59, tzinfo=UTC))
    assert not may_act(PARENT, born=born, at=datetime(2026, 6, 9, 23, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("born", "today", "age"),
    [
        ("2015-06-10", date(2026, 6, 9), 10),
        ("2015-06-10", date(2026, 6, 10), 11),
        ("2016-02-29", date(2027, 2, 28), 10),
        ("2016-02-29", date(2027, 3, 1), 11),
        ("2015-06", date(2026, 6, 1), 11),
        ("2015", date(2026, 1, 1), 11),
        ("", date(2026, 1, 1), None),
        ("soon", date(2026, 1, 1), None),
    ],
)
def test_age_is_in_whole_years_and_the_highest_it_may_be(born, today, age):
    assert age_at(born, today) == age


def test_nothing_is_assumed_of_a_child_whose_birth_date_is_not_known():
    assert not may_act(PARENT, born="")


def test_a_concern_suspends_every_ground():
    assert not may_act(ATTORNEY, DEPUTY, PARENT, agreed=cells.ALL, born="2020-01-01", suspended=True)


def test_somebody_acts_from_and_until_the_dates_of_the_record():
    now = microseconds(NOW)
    assert may_act(DEPUTY, start=now, end=now + 1)
    periods: tuple[dict[str, Any], ...] = ({"start": now + 1}, {"end": now})
    for period in periods:
        assert authority(DEPUTY, **period) is None
        assert not is_proxy([Proxy("u1", (DEPUTY,), **period)], "u1", now)


def test_nobody_else_is_a_proxy():
    assert authority_of([Proxy("u1", (DEPUTY,))], "u2", BORN, cells.ALL, NOW, microseconds(NOW)) is None
    assert authority_of([Proxy("", (DEPUTY,))], None, BORN, cells.ALL, NOW, microseconds(NOW)) is None


def test_of_several_grounds_the_one_that_holds_and_reaches_farthest_counts():
    found = authority(CARER, DEPUTY, agreed=SOME)
    assert (found.kind, found.reach) == (ProxyKind.DEPUTY, cells.ALL)
    only = authority(CARER, ProxyGround(ProxyKind.ATTORNEY, registered=True), agreed=SOME)
    assert (only.kind, only.reach) == (ProxyKind.CONSENTED_CARER, SOME)


def test_a_carer_reads_what_the_person_permits_to_them_by_name_and_no_more():
    consents = compiled(
        consent(provision("permit", provision("permit", person="u1"))),
    )
    named = compiled(consent(provision("permit", sections=("about_me", "allergies"), person="u1")))
    other = compiled(consent(provision("permit", person="u2")), consent(provision("permit", org="ZZ1"), id="c2"))
    assert permitted_to_person(consents, "u1", NOW) == cells.ALL
    assert permitted_to_person(named, "u1", NOW) == cells.of_sections({Section.ABOUT_ME, Section.ALLERGIES})
    assert permitted_to_person(other, "u1", NOW) == cells.NONE
    asked = decision(named, Role.PROXY, facts={"proxy": authority(CARER, agreed=permitted_to_person(named, "u1", NOW))})
    assert asked.permitted
    assert asked.open_cells & cells.own(Section.ABOUT_ME)
    assert not asked.open_cells & cells.own(Section.DIAGNOSES)
    assert not asked.open_cells & cells.DECISION_GROUP_ROWS


def test_what_the_record_keeps_of_a_proxy_survives_storage():
    proxies = (Proxy("u1", (ATTORNEY, DEPUTY), 1, None, True), Proxy("u2", (PARENT,)))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(proxies), type=tuple[Proxy, ...]) == proxies


authorities = st.builds(
    ProxyAuthority,
    st.sampled_from(ProxyKind),
    registered=st.booleans(),
    person_lacks_capacity=st.booleans(),
    within_order=st.booleans(),
    age=st.sampled_from([None, 5, 11, 15, 16, 17, 18, 80]),
    competent=st.sampled_from([None, True, False]),
    person_agrees=st.booleans(),
    suspended=st.booleans(),
    reach=st.sampled_from([cells.ALL, SOME, cells.NONE]),
)


@given(authorities, consent_lists, records)
def test_i7_a_proxy_sees_no_more_than_the_patient(authority, consents, record):
    facts = RecordFacts(compiled(*consents), proxy=authority, **record)
    proxy, patient = (decide(established(who), facts, OPEN_GATES, NOW) for who in (Role.PROXY, Role.PATIENT))
    assert not wider(proxy, patient)
    assert not proxy.permitted or authority_holds(authority)
