from __future__ import annotations

import copy
import dataclasses
import pickle

import msgspec
import pytest

from fhir_profiles.sections import CRITICAL_SECTIONS, DECISION_GROUP, TIER, Section, Tier
from security import cells
from security.consent import ConsentState, withheld_cells
from security.errors import NotReleasable
from security.principal import Role
from security.release import Held, HeldPart, Refusal, Released, SectionState, refuse, release, section_states
from tests.security.sharing import decision


def held(section: Section, tier: Tier | None = None, id: str | None = None) -> Held:
    grant = (section, TIER[section] if tier is None else tier)
    return Held("Observation", id or section.value, 1, "2026-01-01T00:00:00.000Z", (grant,), b"{}")


EVERYTHING = [held(section) for section in Section]
PERMIT = decision()
REFUSAL = decision(ConsentState.DISSENT)


def ids(released: Released) -> set[str]:
    return {item.id for item in released.items}


def test_what_is_released_is_what_the_decision_opens():
    released = release(PERMIT, EVERYTHING)
    assert ids(released) == {section.value for section in Section if PERMIT.opens(section, TIER[section])}
    assert "mental_health" not in ids(released)
    assert not released.critical_withheld


def test_one_open_grant_of_several_releases_a_resource():
    shared = Held("Practitioner", "x", 1, "", ((Section.SAFEGUARDING, Tier.T5), (Section.ALLERGIES, Tier.T1)), b"{}")
    hidden = Held("Practitioner", "y", 1, "", ((Section.SAFEGUARDING, Tier.T5),), b"{}")
    nowhere = Held("Practitioner", "z", 1, "", (), b"{}")
    assert ids(release(PERMIT, [shared, hidden, nowhere])) == {"x"}


def test_an_entry_whose_own_tier_is_closed_stays_in_an_open_section():
    assert ids(release(PERMIT, [held(Section.DIAGNOSES), held(Section.DIAGNOSES, Tier.T4, "psy")])) == {"diagnoses"}


def test_released_cannot_be_made_elsewhere():
    released = release(PERMIT, EVERYTHING)
    with pytest.raises(NotReleasable):
        Released(PERMIT, (), False, object())
    with pytest.raises(NotReleasable):
        Refusal(REFUSAL, None)
    for forge in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(NotReleasable):
            forge(released)
    with pytest.raises(TypeError):
        dataclasses.replace(released, items=())  # type: ignore[type-var]
    with pytest.raises(TypeError):
        msgspec.structs.replace(released, items=())  # type: ignore[type-var]
    with pytest.raises(NotReleasable):
        released.items = ()
    with pytest.raises(NotReleasable):
        del released.items


def test_released_cannot_be_subclassed():
    with pytest.raises(NotReleasable):
        type("Wider", (Released,), {})


def test_a_released_that_skipped_its_maker_holds_nothing():
    with pytest.raises(AttributeError):
        _ = object.__new__(Released).items


def test_a_refusal_releases_nothing_and_a_permit_is_no_refusal():
    with pytest.raises(NotReleasable):
        release(REFUSAL, EVERYTHING)
    with pytest.raises(NotReleasable):
        refuse(PERMIT)
    assert refuse(REFUSAL).decision is REFUSAL


@pytest.mark.parametrize("member", sorted(DECISION_GROUP))
def test_one_withheld_member_withholds_the_decision_group(member):
    cut = decision(facts={"withheld": withheld_cells(frozenset({member}))})
    released = release(cut, EVERYTHING)
    assert not ids(released) & DECISION_GROUP
    assert released.critical_withheld
    assert "allergies" in ids(released)


def test_a_hidden_entry_of_the_decision_group_hides_the_group():
    entries = [held(Section.CPR_DECISION), held(Section.ADRT, Tier.T4), held(Section.ALLERGIES)]
    released = release(PERMIT, entries)
    assert ids(released) == {"allergies"}
    assert released.critical_withheld
    states = section_states(PERMIT, [grant for entry in entries for grant in entry.grants])
    assert {states[section] for section in DECISION_GROUP} == {SectionState.WITHHELD_OR_UNAVAILABLE}
    assert states[Section.ALLERGIES] is SectionState.RECORDED


@pytest.mark.parametrize("tier", [Tier.T5, Tier.T6, Tier.T7])
def test_presence_of_what_must_not_be_shown_changes_nothing(tier):
    seen = [held(Section.CPR_DECISION), held(Section.ALLERGIES)]
    unseen = [held(Section.ADRT, tier), held(Section.PREFERRED_PLACE, tier)]
    without, within = release(PERMIT, seen), release(PERMIT, [*seen, *unseen])
    assert (ids(without), without.critical_withheld) == (ids(within), within.critical_withheld)
    grants = [grant for entry in seen for grant in entry.grants]
    hidden = [grant for entry in unseen for grant in entry.grants]
    assert section_states(PERMIT, grants) == section_states(PERMIT, grants + hidden)


def test_critical_sections_have_three_states():
    cut = decision(facts={"withheld": withheld_cells(frozenset({Section.ALLERGIES}))})
    states = section_states(cut, [(Section.CPR_DECISION, Tier.T1), (Section.PREFERRED_PLACE, Tier.T4)])
    assert set(states) == CRITICAL_SECTIONS
    assert states[Section.CPR_DECISION] is SectionState.RECORDED
    assert states[Section.ADRT] is SectionState.NOT_RECORDED
    assert states[Section.ALLERGIES] is SectionState.WITHHELD_OR_UNAVAILABLE
    assert states[Section.PREFERRED_PLACE] is SectionState.WITHHELD_OR_UNAVAILABLE


@pytest.mark.parametrize("refused", [REFUSAL, decision(role=Role.ADMIN)])
def test_who_reads_nothing_critical_is_told_nothing_of_it(refused):
    assert set(section_states(refused, [(Section.CPR_DECISION, Tier.T1)]).values()) == {
        SectionState.WITHHELD_OR_UNAVAILABLE
    }


def patient_in_parts(*, masked: bool = False) -> Held:
    identity, place = (Section.DEMOGRAPHICS, Tier.T0), (Section.LOCATION, Tier.L)
    parts = (
        HeldPart("", False, cells.CELL[identity], b'{"resourceType":"Patient"'),
        HeldPart("birthDate", False, cells.CELL[identity], b'"birthDate":"1940-01-01"'),
        HeldPart("address", True, cells.CELL[place], b'{"city":"A"}'),
        HeldPart("address", True, cells.CELL[place], b'{"city":"B"}'),
    )
    return Held("Patient", "p", 1, "", (identity, place), b"", parts, masked=masked)


def test_a_resource_in_parts_leaves_with_its_open_parts():
    (whole,) = release(PERMIT, [patient_in_parts()]).items
    assert msgspec.json.decode(whole.body)["address"] == [{"city": "A"}, {"city": "B"}]
    cut = decision(facts={"withheld": withheld_cells(frozenset({Tier.L}))})
    (without,) = release(cut, [patient_in_parts(masked=True)]).items
    assert msgspec.json.decode(without.body) == {"resourceType": "Patient", "birthDate": "1940-01-01"}
    assert not without.parts


def test_a_resource_whose_head_is_closed_does_not_leave_in_pieces():
    cut = decision(facts={"withheld": withheld_cells(frozenset({Tier.T0}))})
    assert release(cut, [patient_in_parts()]).items == ()
