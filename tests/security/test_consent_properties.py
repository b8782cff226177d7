"""Invariants of the sharing rules over generated Consents, callers, records and times."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from fhir_profiles.sections import DECISION_GROUP, TIER, Section, Tier
from security import cells
from security.access_request import Basis
from security.consent import (
    AccessRequest,
    BreakGlass,
    ConsentState,
    Decision,
    Life,
    Obligation,
    RecordFacts,
    Relationship,
    SFlag,
    admit,
    decide,
)
from security.principal import CLINICAL_ROLES, Purpose, Role
from tests.security.sharing import GLASS, NOW, OPEN_GATES, PURPOSE_OF, compiled, consent, provision

RESEARCH = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]}
ORGANISATIONS = ("ZZ1", "ZZ2")
PURPOSES = ("TREAT", "ETREAT", "BTG", "HRESCH", "PATADMIN")
DATES = ("2026-11-01", "2026-11-23", "2026-12-24")

limits = st.fixed_dictionaries(
    {},
    optional={
        "sections": st.sampled_from([("diagnoses",), ("cpr_decision",), ("mental_health", "allergies"), ("location",)]),
        "tiers": st.sampled_from([("T2",), ("T1",), ("T4", "T6"), ("T7",)]),
        "org": st.sampled_from(ORGANISATIONS),
        "role": st.sampled_from(["gp", "ambulance", "care_home"]),
        "person": st.sampled_from(["u1", "u2"]),
        "purposes": st.lists(st.sampled_from(PURPOSES), min_size=1, max_size=2, unique=True).map(tuple),
        "start": st.sampled_from(DATES),
        "end": st.sampled_from(DATES),
    },
)
kinds = st.sampled_from(["permit", "deny"])
leaves = st.builds(lambda kind, limit: provision(kind, **limit), kinds, limits)
trees = st.recursive(
    leaves,
    lambda below: st.builds(
        lambda kind, limit, nested: provision(kind, *nested, **limit), kinds, limits, st.lists(below, max_size=2)
    ),
    max_leaves=4,
)
consent_lists = st.lists(trees, max_size=3).map(
    lambda roots: [consent(root, id=f"c{position}") for position, root in enumerate(roots)]
)


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Draw the usual value three times in four, so that most requests get past the first steps."""
    return st.integers(0, 3).flatmap(lambda dice: st.just(usual) if dice else st.sampled_from(others))


@st.composite
def requests(draw: st.DrawFn, roles: tuple[Role, ...] = tuple(PURPOSE_OF)) -> AccessRequest:
    role = draw(st.sampled_from(roles))
    return AccessRequest(
        role=role,
        organisation=draw(st.sampled_from(ORGANISATIONS)),
        purpose=draw(mostly(PURPOSE_OF[role], *Purpose, None)),
        user=draw(st.sampled_from(["u1", "u2", None])),
        relationship=draw(mostly(Relationship.ESTABLISHED, *Relationship, None)),
        self_claim_reason=draw(st.sampled_from([None, "called to the house"])),
        assurance=draw(st.integers(1, 3)),
        break_glass=draw(
            st.sampled_from([None, GLASS, BreakGlass(Basis.PUBLIC_INTEREST, "short", echo_matches=False)])
        ),
        by_incident=draw(st.booleans()),
        id="d",
    )


records = st.fixed_dictionaries(
    {
        "sflag": mostly(SFlag.UNRESTRICTED, *SFlag),
        "life": mostly(Life.ALIVE, *Life),
        "days_since_death": st.sampled_from([None, 0, 28, 29]),
        "owner_org": st.booleans(),
        "withheld": st.sampled_from([0, cells.row(Section.ADRT), cells.of_tier(Tier.T2), cells.of_tier(Tier.T5)]),
    }
)


def established(role: Role, **given: Any) -> AccessRequest:
    values: dict[str, Any] = {
        "organisation": "ZZ1",
        "user": "u1",
        "relationship": Relationship.ESTABLISHED,
        "assurance": 2,
        "id": "d",
    }
    return AccessRequest(role=role, purpose=PURPOSE_OF[role], **(values | given))


def ask(request: AccessRequest, consents: list[dict[str, Any]], record: dict[str, Any], at: Any = NOW) -> Decision:
    return decide(request, RecordFacts(compiled(*consents), **record), OPEN_GATES, at)


def wider(one: Decision, other: Decision) -> int:
    """Return the cells that `one` opens and `other` does not."""
    return one.open_cells & ~other.open_cells


@given(requests(), consent_lists, records, limits)
def test_i1_a_further_deny_never_opens_anything(request, consents, record, limit):
    before = ask(request, consents, record)
    after = ask(request, [*consents, consent(provision("deny", **limit), id="new")], record)
    assert not wider(after, before)


@given(requests(), consent_lists, records, limits, st.data())
def test_i1_a_further_deny_inside_a_consent_never_opens_anything(request, consents, record, limit, data):
    assume(consents)
    before = ask(request, consents, record)
    chosen = data.draw(st.integers(0, len(consents) - 1))
    root = consents[chosen]["provision"]
    denied = root | {"provision": [*root.get("provision", []), provision("deny", **limit)]}
    changed = [*consents[:chosen], consents[chosen] | {"provision": denied}, *consents[chosen + 1 :]]
    assert not wider(ask(request, changed, record), before)


@given(requests(), consent_lists, records, st.sampled_from([*Section, *Tier]))
def test_i1_withholding_more_never_opens_anything(request, consents, record, word):
    before = ask(request, consents, record)
    closed = record["withheld"] | (cells.of_tier(word) if isinstance(word, Tier) else cells.row(word))
    assert not wider(ask(request, consents, record | {"withheld": closed}), before)


@given(requests(), consent_lists, records, limits)
def test_i2_a_further_permit_opens_nothing_that_no_permit_may(request, consents, record, limit):
    before = ask(request, consents, record)
    after = ask(request, [*consents, consent(provision("permit", **limit), id="new")], record)
    assert not wider(after, before) & cells.RESTRICTED_BY_LAW
    if record["sflag"] is SFlag.RESTRICTED:
        assert not after.open_cells & cells.LOCATION
    if record["sflag"] is SFlag.VERY_RESTRICTED:
        assert not after.permitted
    if before.consent_state is ConsentState.DISSENT_ABSOLUTE and before.rule == "2.8":
        # refused in all of it; whom no permission covered (5.2), a permission may cover
        assert not after.permitted


@given(requests(), st.lists(st.tuples(consent_lists, records), max_size=3))
def test_i4_a_403_follows_from_the_token_and_the_request_alone(request, people):
    asked = msgspec.structs.replace(request, relationship=None) if request.relationship != "self_claimed" else request
    refused = admit(asked, OPEN_GATES)
    decided = [decide(asked, None, OPEN_GATES, NOW), *(ask(asked, consents, record) for consents, record in people)]
    for one in decided:
        assert (one.status == 403) == (refused is not None)
        assert refused is None or one == refused


@given(requests(), consent_lists, records)
def test_i5_the_decision_group_is_whole_or_absent_with_a_warning(request, consents, record):
    decided = ask(request, consents, record)
    shown = {section for section in DECISION_GROUP if decided.opens(section, TIER[section])}
    assert shown in (set(), DECISION_GROUP)
    if decided.permitted and OPEN_GATES.rows[request.role].critical_is_permitted:
        assert (not shown) == (Obligation.CRITICAL_WITHHELD_WARNING in decided.obligations)


@given(st.sampled_from(sorted(CLINICAL_ROLES)), consent_lists, records)
def test_i6_emergency_access_to_the_living_takes_nothing_away_and_never_adds_t7_or_location(role, consents, record):
    assume(record["life"] is not Life.FORMAL_DEATH)
    plain, broken = established(role), established(role, break_glass=GLASS)
    before, after = ask(plain, consents, record), ask(broken, consents, record)
    assert not wider(before, after)
    assert not wider(after, before) & cells.RESTRICTED_BY_LAW
    if record["sflag"] is not SFlag.UNRESTRICTED:
        assert not after.open_cells & cells.LOCATION


@given(st.sampled_from(sorted(CLINICAL_ROLES)), st.sampled_from(ConsentState), records)
def test_i7_a_system_sees_no_more_than_a_clinician_and_a_proxy_no_more_than_the_patient(role, state, record):
    facts = RecordFacts(state, **record)
    for less, more in ((Role.SYSTEM, role), (Role.PROXY, Role.PATIENT)):
        one, other = (decide(established(who), facts, OPEN_GATES, NOW) for who in (less, more))
        if record["life"] is Life.FORMAL_DEATH and record["owner_org"]:
            continue
        assert not wider(one, other)


@given(requests(), consent_lists, records)
def test_i9_the_redaction_flag_depends_on_p_and_e_cells_alone(request, consents, record):
    decided = ask(request, consents, record)
    assume(decided.permitted)
    could = OPEN_GATES.rows[request.role].flagged_when_closed
    if record["sflag"] is SFlag.RESTRICTED:
        could &= ~cells.LOCATION
    flagged = bool(could & ~decided.open_cells) and request.role not in (Role.PATIENT, Role.PROXY)
    assert (Obligation.REDACTED_FLAG in decided.obligations) == flagged
    assert not could & cells.NEVER_FLAGGED


def shuffled(root: dict[str, Any], source: random.Random) -> dict[str, Any]:
    mixed = dict(root)
    for element in ("provision", "code", "actor", "purpose"):
        if element in mixed:
            mixed[element] = source.sample(mixed[element], len(mixed[element]))
    if "provision" in mixed:
        mixed["provision"] = [shuffled(child, source) for child in mixed["provision"]]
    return mixed


@given(requests(), consent_lists, records, st.integers(0, 2**16))
def test_i10_order_is_irrelevant_and_nothing_is_left_to_chance(request, consents, record, seed):
    source = random.Random(seed)
    mixed = [one | {"provision": shuffled(one["provision"], source)} for one in consents]
    source.shuffle(mixed)
    assert ask(request, consents, record) == ask(request, mixed, record)


@given(requests(), consent_lists, records, limits, kinds)
def test_i11_outside_its_period_a_consent_does_not_exist(request, consents, record, limit, kind):
    dated = consent(provision(kind, **(limit | {"start": "2020-01-01", "end": "2020-12-31"})), id="new")
    assert ask(request, [*consents, dated], record) == ask(request, consents, record)
    assert ask(request, [dated], record, NOW + timedelta(days=9000)) == ask(request, [], record, NOW)


@given(requests(), consent_lists, records)
def test_i12_a_withdrawal_bars_whoever_it_binds(request, consents, record):
    decided = ask(request, [*consents, consent(provision("deny"), id="withdrawal")], record)
    exempt = request.role in (Role.PATIENT, Role.PROXY) or record["owner_org"] or request.break_glass is not None
    assert exempt or not decided.permitted


@given(
    requests(), consent_lists, records, limits, st.sampled_from(["HRESCH", "HPAYMT", "HMARKT", "HOPERAT", "PUBHLTH"])
)
def test_i13_an_opt_out_from_other_uses_changes_no_answer(request, consents, record, limit, purpose):
    """The National Data Opt-out is a refusal of scope `research`. A refusal of such uses alone closes nothing."""
    opted_out = consent(provision("deny", **limit), id="ndo") | {"scope": RESEARCH}
    assert ask(request, [*consents, opted_out], record) == ask(request, consents, record)
    about = consent(provision("deny", **(limit | {"purposes": (purpose,)})), id="ndo")
    one, other = ask(request, [*consents, about], record), ask(request, consents, record)
    assert (one.status, one.open_cells) == (other.status, other.open_cells)


@given(requests(), consent_lists, records)
def test_i3_who_is_refused_after_the_look_up_is_refused_as_for_nobody(request, consents, record):
    there, nobody = ask(request, consents, record), decide(request, None, OPEN_GATES, NOW)
    if not there.permitted:
        assert there.status == nobody.status
        assert not there.open_cells


words = st.text("abcdefgTLPX_127", max_size=8)


@given(words, words, words, words, words, words)
def test_i15_unknown_words_are_denied(role, purpose, relationship, sflag, life, state):
    known = {*Role, *Purpose, *Relationship, *SFlag, *Life, *ConsentState}
    assume(not {role, purpose, relationship, sflag, life, state} & known)
    request = established(Role.GP)
    facts = RecordFacts(ConsentState.EXPLICIT)
    for change in ({"role": role}, {"purpose": purpose}, {"relationship": relationship}):
        assert not decide(msgspec.structs.replace(request, **change), facts, OPEN_GATES, NOW).permitted
    for fact in ({"sflag": sflag}, {"life": life}, {"consents": state}):
        assert not decide(request, msgspec.structs.replace(facts, **fact), OPEN_GATES, NOW).permitted
