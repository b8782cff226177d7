"""One hidden entry of the decision group closes the whole of it; one that must not be noticed closes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_profiles.sections import DECISION_GROUP, TIER, Section, Tier
from security import cells
from security.access_request import ConsentState, RecordFacts
from security.consent import decide
from security.decision import Obligation
from security.decision_group import kept_whole
from security.principal import Role
from tests.security.sharing import NOW, OPEN_GATES
from tests.security.test_consent_properties import ask as asked
from tests.security.test_consent_properties import consent_lists, established, records, requests

CPR = Section.CPR_DECISION


@pytest.mark.parametrize(
    ("role", "present", "closes"),
    [
        (Role.AMBULANCE, (CPR, Tier.T1), False),
        (Role.AMBULANCE, (CPR, Tier.T4), True),
        (Role.AMBULANCE, (Section.ALLERGIES, Tier.T4), False),
        (Role.AMBULANCE, (CPR, Tier.T6), False),
        (Role.GP, (CPR, Tier.T4), False),
        (Role.GP, (CPR, Tier.T7), False),
        (Role.ADMIN, (CPR, Tier.T4), False),
    ],
)
def test_what_closes_the_group(role: Role, present: tuple[Section, Tier], closes: bool) -> None:
    before = decide(established(role), RecordFacts(ConsentState.IMPLIED), OPEN_GATES, NOW)
    after = kept_whole(before, [(Section.DIAGNOSES, Tier.T2), present])
    assert (after != before) is closes
    assert not closes or Obligation.CRITICAL_WITHHELD_WARNING in after.obligations


@given(requests(), consent_lists, records, st.sets(st.tuples(st.sampled_from(Section), st.sampled_from(Tier))))
def test_it_takes_the_group_and_nothing_else_and_leaves_it_whole_or_absent(request, consents, record, present):
    before = asked(request, consents, record)
    after = kept_whole(before, present)
    assert before.open_cells & ~after.open_cells in (0, before.open_cells & cells.DECISION_GROUP_ROWS)
    assert not after.open_cells & ~before.open_cells
    shown = {section for section in DECISION_GROUP if after.opens(section, TIER[section])}
    assert shown in (set(), DECISION_GROUP)
    assert kept_whole(after, present) == after
