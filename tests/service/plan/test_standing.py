"""Which decision stands: the rules as a table, then what must hold of any set of decisions."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.plan.decisions import DecisionItem, DecisionKind, Force
from service.plan.standing import ACTIVE, OrderIssue, Standing, State, needs_review, rivals, standings
from tests.service.plan.build import NOW, item

DAY = {day: f"2026-06-{day:02}T10:00:00Z" for day in range(1, 10)}


def states(*items: DecisionItem) -> dict[str, str]:
    return {name.partition("/")[2]: standing.state.value for name, standing in standings(items).items()}


TABLE = {
    "one decision stands": ([item("a")], {"a": "current"}),
    "what names it supersedes it": (
        [item("a"), item("b", "yes", DAY[2], replaces="a")],
        {"a": "superseded", "b": "current"},
    ),
    "a chain leaves its end standing": (
        [item("a"), item("b", "yes", DAY[2], replaces="a"), item("c", "no", DAY[3], replaces="b")],
        {"a": "superseded", "b": "superseded", "c": "current"},
    ),
    "strangers who disagree are in conflict, the newest is not picked": (
        [item("a"), item("b", "yes", DAY[9])],
        {"a": "in-conflict", "b": "in-conflict"},
    ),
    "strangers who agree both stand": ([item("a"), item("b", "no", DAY[2])], {"a": "current", "b": "current"}),
    "an old message of the same organisation is history": (
        [item("b", "yes", DAY[5], organisation="x"), item("a", "no", DAY[1], organisation="x")],
        {"a": "history", "b": "current"},
    ),
    "an old message of the same author is history": (
        [item("b", "yes", DAY[5], author="x"), item("a", "no", DAY[1], author="x")],
        {"a": "history", "b": "current"},
    ),
    "a recorded disagreement is a conflict inside one organisation too": (
        [item("a", organisation="x"), item("b", "yes", DAY[2], organisation="x", conflicts_with="a")],
        {"a": "in-conflict", "b": "in-conflict"},
    ),
    "a revocation beats what it names": (
        [item("a"), item("r", None, DAY[2], revokes="a")],
        {"a": "revoked", "r": "current"},
    ),
    "a revocation beats everything decided before it": (
        [item("a"), item("late", "yes", DAY[2]), item("r", None, DAY[3], revokes="a")],
        {"a": "revoked", "late": "revoked", "r": "current"},
    ),
    "what is decided after a revocation stands": (
        [item("a"), item("r", None, DAY[2], revokes="a"), item("b", "yes", DAY[3])],
        {"a": "revoked", "r": "history", "b": "current"},
    ),
    "a decision that revokes stands in place of what it revokes": (
        [item("a"), item("b", "yes", DAY[2], revokes="a")],
        {"a": "revoked", "b": "current"},
    ),
    "the last of two revocations is the one shown": (
        [item("a"), item("r", None, DAY[2], revokes="a"), item("s", None, DAY[3], revokes="a")],
        {"a": "revoked", "r": "history", "s": "current"},
    ),
    "a revocation that may or may not come after is a conflict": (
        [item("a", "no", "2026-06-03T15:00:00Z"), item("r", None, "2026-06-03", revokes="gone")],
        {"a": "in-conflict", "r": "in-conflict"},
    ),
    "what names the revocation has settled it": (
        [item("a", "no", "2026-06-03T15:00:00Z", replaces="r"), item("r", None, "2026-06-03", revokes="gone")],
        {"a": "current", "r": "superseded"},
    ),
    "a decision and a revocation that name each other on the same day are in conflict": (
        [item("a", "no", "2026-06-03T15:00:00Z", replaces="r"), item("r", None, "2026-06-03", revokes="a")],
        {"a": "in-conflict", "r": "in-conflict"},
    ),
    "a revocation does not fall to what claims to replace it but was decided before": (
        [item("a", "no", DAY[1], replaces="r"), item("r", None, DAY[2], revokes="gone")],
        {"a": "in-conflict", "r": "in-conflict"},
    ),
    "what was entered in error counts for nothing": (
        [item("a"), item("b", "yes", DAY[2], replaces="a", force=Force.ERROR)],
        {"a": "current", "b": "history"},
    ),
    "what was withdrawn brings nothing back": (
        [item("a"), item("b", "yes", DAY[2], replaces="a", force=Force.WITHDRAWN)],
        {"a": "superseded", "b": "revoked"},
    ),
    "a draft supersedes nothing": (
        [item("a"), item("b", "yes", DAY[2], replaces="a", force=Force.NOT_YET)],
        {"a": "current", "b": "history"},
    ),
    "not discussed is an answer where there is no decision": ([item("n", None, absent="not-asked")], {"n": "current"}),
    "not discussed contradicts no decision": (
        [item("a"), item("n", None, DAY[2], absent="asked-declined")],
        {"a": "current", "n": "history"},
    ),
    "the later of two statements is the one shown": (
        [item("n", None, absent="not-asked"), item("m", None, DAY[2], absent="asked-declined")],
        {"n": "history", "m": "current"},
    ),
    "a decision decided before what it replaces is not believed": (
        [item("a", "no", DAY[5]), item("b", "yes", DAY[1], replaces="a")],
        {"a": "in-conflict", "b": "in-conflict"},
    ),
    "decisions that replace one another all stay in sight": (
        [
            item("a", "no", DAY[1], replaces="c"),
            item("b", "yes", DAY[1], replaces="a"),
            item("c", "maybe", DAY[1], replaces="b"),
        ],
        {"a": "in-conflict", "b": "in-conflict", "c": "in-conflict"},
    ),
    "a plan is not a DNACPR": (
        [item("a"), item("p", "level=comfort", DAY[2], kind=DecisionKind.ESCALATION)],
        {"a": "current", "p": "current"},
    ),
}


@pytest.mark.parametrize(("items", "expected"), TABLE.values(), ids=TABLE.keys())
def test_standing(items, expected):
    assert states(*items) == expected


def test_ties_missing_times_and_impossible_orders_are_said():
    tied = standings([item("a", "no", "2026-06-03"), item("b", "yes", "2026-06-03T12:00:00+01:00")])
    assert tied["Observation/a"] == Standing(State.IN_CONFLICT, ("Observation/b",), (OrderIssue.TIE,))
    undated = standings([item("a", "no", None), item("b", "yes")])
    assert OrderIssue.NO_EFFECTIVE_TIME in undated["Observation/a"].issues
    impossible = standings([item("a", "no", DAY[5]), item("b", "no", DAY[1], replaces="a")])
    assert impossible["Observation/a"] == Standing(State.CURRENT, (), (OrderIssue.IMPOSSIBLE_ORDER,))


def test_order_is_of_moments_not_of_what_clocks_showed():
    earlier_in_utc = item("a", "no", "2026-06-01T10:30:00+01:00", organisation="x")
    later_in_utc = item("b", "yes", "2026-06-01T10:00:00Z", organisation="x")
    assert states(earlier_in_utc, later_in_utc) == {"a": "history", "b": "current"}


def test_an_update_replaces_its_own_earlier_version():
    old = item("a", "no", DAY[1], recorded=NOW - timedelta(days=1))
    new = item("a", "yes", DAY[2], recorded=NOW)
    assert states(new, old) == states(old, new) == {"a": "current"}
    assert rivals(new, [old]) == []


def test_a_new_decision_has_the_active_ones_it_does_not_name_as_rivals():
    old, other = item("a"), item("b", "no", DAY[2])
    assert rivals(item("new", "yes", DAY[3]), [old, other]) == ["Observation/a", "Observation/b"]
    assert rivals(item("new", "yes", DAY[3], replaces="a"), [old, other]) == ["Observation/b"]
    assert rivals(item("new", "yes", DAY[3], revokes="a", conflicts_with="b"), [old, other]) == []


@pytest.mark.parametrize(
    "new",
    [
        item("new", None, DAY[3], absent="asked-declined"),
        item("new", "yes", DAY[3], force=Force.ERROR),
        item("new", "yes", DAY[3], kind=DecisionKind.ESCALATION),
        item("new", "no", author="author a"),
    ],
    ids=["a statement", "an error", "another kind", "the same sent again"],
)
def test_what_has_no_rivals(new):
    assert rivals(new, [item("a")]) == []


def test_a_revocation_must_name_everything_that_it_would_end():
    assert rivals(item("r", None, DAY[3], revokes="a"), [item("a"), item("b")]) == ["Observation/b"]


def test_a_disagreement_recorded_from_the_other_side_is_known():
    other = item("b", "yes", DAY[2], conflicts_with="a")
    assert rivals(item("a", "no", DAY[3]), [item("a"), other]) == []


@pytest.mark.parametrize("end", ["replaces", "revokes"])
def test_what_another_has_ended_by_name_has_no_rivals_and_may_come_with_it(end):
    newer = item("newer", "no", DAY[3], **{end: "old"})
    assert rivals(item("old", "yes", DAY[1]), [newer]) == []
    assert rivals(item("other", "yes", DAY[1]), [newer]) == ["Observation/newer"]


@pytest.mark.parametrize("end", ["replaces", "revokes"])
def test_what_claims_to_be_later_than_its_end_has_rivals_all_the_same(end):
    newer = item("newer", "no", DAY[1], **{end: "old"})
    assert rivals(item("old", "yes", DAY[3]), [newer]) == ["Observation/newer"]


def test_superseded_decisions_are_no_rivals():
    existing = [item("a"), item("b", "yes", DAY[2], replaces="a")]
    assert rivals(item("new", "no", DAY[3], replaces="b"), existing) == []


def test_review_is_needed_after_the_whole_day_in_london_and_of_standing_decisions_alone():
    standing = Standing(State.CURRENT)
    assert not needs_review(standing, "2026-11-23", NOW)
    assert needs_review(standing, "2026-11-22", NOW)
    assert not needs_review(Standing(State.SUPERSEDED), "2026-11-22", NOW)
    assert not needs_review(standing, None, NOW)


NAMES = "abcde"
WHEN = st.sampled_from([*list(DAY.values())[:4], "2026-06-01", "2026-06-03", "2026-06", None])
LINKS = st.sets(st.sampled_from(NAMES), max_size=2).map(" ".join)


@st.composite
def decisions(draw: st.DrawFn, *, revocations: bool = True) -> list[DecisionItem]:
    found = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1)):
        value = draw(st.sampled_from(["no", "yes", None] if revocations else ["no", "yes"]))
        found.append(
            item(
                name,
                value,
                draw(WHEN),
                organisation=draw(st.sampled_from(["x", "y", None])),
                force=draw(st.sampled_from(list(Force))) if revocations else Force.IN_FORCE,
                replaces=draw(LINKS),
                conflicts_with=draw(LINKS),
                **({"revokes": draw(LINKS)} if revocations else {}),
            )
        )
    return found


@settings(max_examples=150)
@given(decisions(), st.randoms(use_true_random=False))
def test_order_of_arrival_changes_nothing(items: list[DecisionItem], shuffle: random.Random):
    shuffled = items.copy()
    shuffle.shuffle(shuffled)
    assert standings(shuffled) == standings(items)


@settings(max_examples=150)
@given(decisions())
def test_decisions_that_are_both_current_never_disagree(items: list[DecisionItem]):
    result = standings(items)
    current = {one.value for one in items if one.value and result[one.reference].state is State.CURRENT}
    assert len(current) <= 1


@settings(max_examples=150)
@given(decisions(revocations=False))
def test_without_a_revocation_some_decision_always_stands(items: list[DecisionItem]):
    assert any(standing.state in ACTIVE for standing in standings(items).values())


@settings(max_examples=100)
@given(decisions())
def test_a_later_revocation_of_all_leaves_no_decision_standing(items: list[DecisionItem]):
    event = item("r", None, "2027-01-01", revokes=NAMES.replace("", " ").strip(), organisation=None)
    free = [one for one in items if one.effective]
    result = standings([*free, event])
    assert not any(one.value and result[one.reference].state in ACTIVE for one in free)


@settings(max_examples=100)
@given(decisions())
def test_an_entry_in_error_changes_no_other_standing(items: list[DecisionItem]):
    mistake = item("z", "yes", DAY[9], replaces="a b", revokes="c", force=Force.ERROR)
    with_it = standings([*items, mistake])
    with_it.pop(mistake.reference)
    assert with_it == standings(items)


@settings(max_examples=100)
@given(decisions(), st.sampled_from(["no", "yes"]))
def test_naming_every_rival_is_always_a_way_on(items: list[DecisionItem], value: str):
    new = item("new", value, "2027-01-01")
    named = " ".join(name.partition("/")[2] for name in rivals(new, items))
    assert rivals(item("new", value, "2027-01-01", replaces=named), items) == []
