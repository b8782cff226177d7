"""When Consents were said and when they came: what is old and arrives now opens nothing (rule 5.2)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.consent import CompiledConsents, compile_consents
from security.consent_times import ALWAYS, Arrival, overtaken, within
from security.principal import Purpose
from tests.security.sharing import PATIENT, consent, decision, organisation_of, provision, replaces
from tests.security.test_consent_properties import ask, consent_lists, kinds, limits, records, requests, trees, wider

A, B = "ZZ1", "ZZ2"
LATE = "2026-11-20T09:00:00Z"


def arriving(root: dict[str, Any], id: str, said: str | None, came: str, **extra: Any) -> dict[str, Any]:
    """Build a Consent with its date and the time at which its version was recorded."""
    dated = {} if said is None else {"dateTime": said}
    return consent(root, id=id, meta={"versionId": "1", "lastUpdated": came}, **dated, **extra)


def compiled(*consents: dict[str, Any], before: CompiledConsents | None = None) -> CompiledConsents:
    return compile_consents(consents, PATIENT, organisation_of, before=before)


def reads(consents: CompiledConsents, organisation: str = B) -> bool:
    return decision(consents, organisation=organisation).permitted


FOR_A = arriving(provision("permit", org=A), "new", "2026-06-01", "2026-06-02T10:00:00Z")
FOR_B = provision("permit", org=B)


@pytest.mark.parametrize(
    ("said", "came", "opens"),
    [
        ("2026-01-01", LATE, False),
        (None, LATE, False),
        ("2026-06-01", LATE, True),
        ("2026-07-01", LATE, True),
        ("2026-01-01", "2026-06-02T10:00:00Z", True),
        ("2026-01-01", "2026-01-02T10:00:00Z", True),
    ],
)
def test_a_permission_that_is_older_and_came_later_opens_nothing(said, came, opens):
    both = compiled(FOR_A, arriving(FOR_B, "late", said, came))
    assert reads(both, B) == opens
    assert reads(both, A)


def test_a_refusal_counts_whenever_it_was_said():
    late = arriving(provision("deny", org=A), "late", "2026-01-01", LATE)
    assert not reads(compiled(FOR_A, late), A)


def test_an_undated_consent_is_older_than_every_other_and_no_newer_than_another_undated_one():
    undated = arriving(provision("permit", org=A), "new", None, "2026-06-02T10:00:00Z")
    assert reads(compiled(undated, arriving(FOR_B, "late", None, LATE)), B)


@pytest.mark.parametrize("status", ["inactive", "superseded", "deleted"])
def test_the_later_one_counts_also_when_it_is_no_longer_in_force(status):
    before = compiled(FOR_A)
    now = {
        "inactive": [FOR_A | {"status": "inactive"}],
        "superseded": [FOR_A, arriving(provision("permit", org=A), "x", "2026-06-03", LATE, extension=replaces("new"))],
        "deleted": [],
    }[status]
    late = arriving(FOR_B, "late", "2026-01-01", LATE)
    assert reads(compiled(late), B)
    assert not reads(compiled(*now, late, before=before), B)


@pytest.mark.parametrize("status", ["entered-in-error", "draft", "proposed", "rejected"])
def test_what_was_never_in_force_overtakes_nothing(status):
    assert reads(compiled(FOR_A | {"status": status}, arriving(FOR_B, "late", "2026-01-01", LATE)), B)


def test_what_turns_out_an_error_is_forgotten():
    before = compiled(FOR_A)
    wrong = compiled(FOR_A | {"status": "entered-in-error"}, before=before)
    assert wrong == CompiledConsents()
    assert reads(compiled(arriving(FOR_B, "late", "2026-01-01", LATE), before=wrong), B)


def test_a_consent_out_of_its_period_overtakes_nothing():
    over = arriving(provision("permit", org=A, end="2026-10-01"), "new", "2026-06-01", "2026-06-02T10:00:00Z")
    assert reads(compiled(over, arriving(FOR_B, "late", "2026-01-01", LATE)), B)


def test_a_late_permission_lifts_no_refusal_though_it_names_it():
    old = arriving(provision("deny", org=B), "old", "2025-01-01", "2025-01-02T10:00:00Z")
    everybody = arriving(provision("permit"), "new", "2026-06-01", "2026-06-02T10:00:00Z")
    late = arriving(provision("permit"), "late", "2026-01-01", LATE, extension=replaces("old"))
    assert not reads(compiled(old, everybody, late), B)
    assert reads(compiled(old, everybody, late | {"dateTime": "2026-07-01"}), B)


def test_a_late_one_takes_the_place_of_an_older_permission_and_still_opens_nothing():
    old = arriving(provision("permit", org=B), "old", "2025-01-01", "2025-01-02T10:00:00Z")
    late = arriving(provision("permit", org=B), "late", "2026-01-01", LATE, extension=replaces("old"))
    assert reads(compiled(old, FOR_A), B)
    assert not reads(compiled(old, FOR_A, late), B)


def test_what_is_received_is_remembered_through_versions_and_a_rewritten_permission_arrives_anew():
    old = arriving(provision("permit", org="ZZ3"), "old", "2026-01-01", "2026-01-02T10:00:00Z")
    before = compiled(old, FOR_A)
    later = {"versionId": "2", "lastUpdated": LATE}
    touched = compiled(old | {"meta": later, "language": "en-GB"}, FOR_A, before=before)
    assert reads(touched, "ZZ3")
    assert [one.arrival for one in touched.consents] == [one.arrival for one in before.consents]
    assert not reads(compiled(old | {"meta": later, "provision": FOR_B}, FOR_A, before=before), B)
    # what limits others has been known since its first version, whatever its later ones say
    renamed = compiled(old, FOR_A | {"meta": later, "provision": provision("permit", org="ZZ4")}, before=before)
    assert not reads(compiled(arriving(FOR_B, "late", "2026-01-01", LATE), before=renamed), B)


def test_an_old_permission_that_is_made_active_again_arrives_anew():
    old = arriving(FOR_B, "old", "2026-01-01", "2026-01-02T10:00:00Z")
    ended = compiled(old | {"status": "inactive"}, FOR_A, before=compiled(old))
    again = old | {"meta": {"versionId": "3", "lastUpdated": LATE}}
    assert not reads(compiled(again, FOR_A, before=ended), B)


def test_times_survive_storage():
    given = compiled(FOR_A, arriving(FOR_B, "late", "2026-01-01", LATE), before=compiled(FOR_A))
    stored = msgspec.msgpack.encode(given)
    assert msgspec.msgpack.decode(stored, type=CompiledConsents) == given


def test_an_arrival_that_is_not_known_is_not_late():
    assert overtaken(Arrival(1, None, None), [(Arrival(2, 1, 1), ALWAYS)]) == ()
    assert overtaken(Arrival(1, 5, 5), [(Arrival(2, None, None), ALWAYS)]) == ()
    assert overtaken(Arrival(1, 5, 5), [(Arrival(2, 1, 1), (3, None)), (Arrival(2, 1, 1), ALWAYS)]) == (ALWAYS,)
    assert [within((3, 5), moment) for moment in (2, 3, 4, 5)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("by_incident", "purpose", "opens"),
    [
        (True, Purpose.ETREAT, True),
        (False, Purpose.ETREAT, False),
        (True, Purpose.TREAT, False),
    ],
)
def test_a_permission_for_emergencies_alone_needs_an_open_registered_incident(by_incident, purpose, opens):
    given = compiled(consent(provision("permit", purposes=("ETREAT",))))
    assert decision(given, purpose=purpose, by_incident=by_incident).permitted == opens
    below = compiled(consent(provision("deny", provision("permit", purposes=("ETREAT", "BTG")))))
    assert decision(below, purpose=purpose, by_incident=by_incident).permitted == opens


def test_a_permission_for_treatment_and_emergencies_needs_no_incident():
    given = compiled(consent(provision("permit", purposes=("TREAT", "ETREAT"))))
    assert decision(given, purpose=Purpose.ETREAT).permitted


dates = st.sampled_from([None, "2026-01-01", "2026-03-01", "2026-06-01"])
comings = st.sampled_from(["2026-01-02T10:00:00Z", "2026-06-02T10:00:00Z", "2026-08-01T10:00:00Z"])


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw Consents with dates and times of arrival, of which some replace others or are inactive."""
    found = []
    for position, one in enumerate(draw(consent_lists)):
        named = draw(st.lists(st.integers(0, position), max_size=1))
        extension = {"extension": replaces(*(f"c{other}" for other in named))} if position and named else {}
        status = draw(st.sampled_from(["active", "active", "active", "inactive"]))
        found.append(arriving(one["provision"], one["id"], draw(dates), draw(comings), status=status, **extension))
    return found


@given(requests(), histories(), records, trees, dates)
def test_what_is_older_than_what_we_know_and_arrives_now_never_widens(request, known, record, root, said):
    newest = arriving(provision("permit", org=A), "newest", "2026-07-01", "2026-08-01T10:00:00Z")
    late = arriving(root, "late", said, LATE, extension=replaces(*(one["id"] for one in known)))
    before = ask(request, [*known, newest], record)
    assert not wider(ask(request, [*known, newest, late], record), before)


@given(requests(), histories(), records, limits, dates, comings)
def test_i1_a_deny_opens_nothing_whenever_it_was_said_and_came(request, known, record, limit, said, came):
    deny = arriving(provision("deny", **limit), "deny", said, came)
    assert not wider(ask(request, [*known, deny], record), ask(request, known, record))


@given(requests(), histories(), records, st.permutations(range(3)))
def test_i10_the_order_in_which_they_are_listed_is_irrelevant(request, known, record, order):
    mixed = [known[position] for position in order if position < len(known)]
    assert ask(request, known, record) == ask(request, mixed, record)


@given(requests(), histories(), records, limits, kinds, dates, comings)
def test_i11_outside_its_period_a_consent_overtakes_nothing(request, known, record, limit, kind, said, came):
    dated = provision(kind, **(limit | {"start": "2020-01-01", "end": "2020-12-31"}))
    assert ask(request, [*known, arriving(dated, "new", said, came)], record) == ask(request, known, record)
