"""When what is released must place the person nowhere: the flag, or a Consent that keeps location from this caller."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fhir_profiles.sections import DECISION_GROUP, Section, Tier
from security import cells
from security.access_policy import BASE_POLICY, parse
from security.access_request import ConsentState
from security.consent import CompiledConsents, Decision, SFlag
from security.errors import NotReleasable
from security.principal import Role
from security.release import Held, HeldWhole, opens_whole, release, release_whole
from tests.security.sharing import GLASS, compiled, consent, decision, provision

DENIALS: dict[str, dict[str, Any]] = {
    "one organisation": {"org": "ZZ1"},
    "a role": {"role": "ambulance"},
    "one human": {"person": "u1"},
    "everybody": {},
}


def keeping(*words: str, tiers: tuple[str, ...] = (), **actor: Any) -> CompiledConsents:
    """Return the Consents of a person who shares, but for these sections with this recipient."""
    denied = provision("deny", sections=words, tiers=tiers, **actor)
    return compiled(consent(provision("permit", denied)))


def places(decided: Decision) -> bool:
    return decided.opens(Section.LOCATION, Tier.L)


@pytest.mark.parametrize("actor", DENIALS.values(), ids=DENIALS.keys())
@pytest.mark.parametrize("said", [{"sections": ("location",)}, {"tiers": ("L",)}])
def test_a_recipient_who_is_denied_location_is_told_no_place(actor, said):
    decided = decision(keeping(*said.get("sections", ()), tiers=said.get("tiers", ()), **actor))
    assert decided.permitted
    assert decided.masks_location
    assert not places(decided)
    assert decided.decision_group_open


@pytest.mark.parametrize(
    ("actor", "role"),
    [
        ({"org": "ZZ2"}, Role.AMBULANCE),
        ({"role": "care_home"}, Role.AMBULANCE),
        ({"person": "u2"}, Role.AMBULANCE),
        ({}, Role.PATIENT),
    ],
)
def test_every_other_recipient_and_the_person_are_told(actor, role):
    decided = decision(keeping("location", **actor), role)
    assert places(decided)
    assert not decided.masks_location


@pytest.mark.parametrize("facts", [{"owner_org": True}, {}])
def test_it_binds_the_holder_and_a_proxy(facts):
    role = Role.GP if facts else Role.PROXY
    decided = decision(keeping("location"), role, facts=facts)
    assert decided.permitted
    assert decided.masks_location


def test_a_permission_that_does_not_reach_location_masks_no_telephone_of_a_contact():
    decided = decision(compiled(consent(provision("permit", tiers=("T0", "T1")))))
    assert not places(decided)
    assert not decided.masks_location
    assert decided.opens(Section.EMERGENCY_CONTACTS, Tier.T1)


def test_a_role_without_location_in_the_matrix_is_not_masked_for_that():
    document = msgspec.json.decode(BASE_POLICY.read_bytes())
    document["matrix"]["ambulance"]["L"] = "X"
    under = parse(msgspec.json.encode(document))
    without = decision(ConsentState.EXPLICIT, under=under)
    assert not places(without)
    assert not without.masks_location
    assert decision(keeping("location", org="ZZ1"), under=under).masks_location
    assert decision(facts={"sflag": SFlag.RESTRICTED}, under=under).masks_location


def test_keeping_the_way_in_back_masks_nothing_else():
    decided = decision(keeping("access_details", org="ZZ1"))
    assert not decided.opens(Section.ACCESS_DETAILS, Tier.L)
    assert places(decided)
    assert not decided.masks_location


def test_breaking_glass_opens_what_is_withheld_and_no_place():
    consents = keeping("location", "care_plan", *sorted(DECISION_GROUP), org="ZZ1")
    without, broken = decision(consents), decision(consents, break_glass=GLASS)
    assert without.open_cells & ~broken.open_cells == cells.NONE
    assert broken.opens(Section.CARE_PLAN, Tier.T2)
    assert broken.decision_group_open
    assert broken.masks_location
    assert not places(broken)
    assert places(decision(compiled(consent(provision("deny"))), break_glass=GLASS))


def test_nothing_unmasked_is_released_where_places_are_not_told():
    decided = decision(facts={"sflag": SFlag.RESTRICTED})
    grant = ((Section.ALLERGIES, Tier.T1),)
    plain, masked = (Held("AllergyIntolerance", "a", 1, "", grant, b"{}", masked=told) for told in (False, True))
    assert release(decided, [masked]).items == (masked,)
    with pytest.raises(NotReleasable):
        release(decided, [masked, plain])


def test_a_ready_answer_leaves_whole_only_masked():
    decided, anybody = decision(facts={"sflag": SFlag.RESTRICTED}), decision()
    plain, masked = (HeldWhole(cells.own(Section.ALLERGIES), cells.NONE, b"", told) for told in (False, True))
    assert not opens_whole(decided, plain)
    assert opens_whole(decided, masked)
    assert opens_whole(anybody, plain)
    with pytest.raises(NotReleasable):
        release_whole(decided, plain)
