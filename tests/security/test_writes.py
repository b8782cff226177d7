"""The write table of rule 5.9."""

from __future__ import annotations

import pytest

from fhir_profiles.sections import DECISION_GROUP, TIER, Section, Tier
from security.principal import PLAN_OWNING_ROLES, NamedPerson, Principal, Purpose, Role
from security.writes import Authorship, may_take_on, may_write
from tests.security.sharing import SHIPPED

DECISIONS = sorted(DECISION_GROUP - {Section.LPA_HEALTH_WELFARE})
OWNERS = sorted(PLAN_OWNING_ROLES)


def caller(role: Role, *registered: Role, named: bool = True) -> Principal:
    return Principal(
        client_id="c",
        organisation="ZZ1",
        role=role if named else Role.SYSTEM,
        purpose=Purpose.TREAT,
        registered_roles=frozenset(registered or {role}),
        scopes=frozenset(),
        token_id="t",
        issuer="i",
        user=NamedPerson("u1", "A Person") if named else None,
    )


def verdict(principal, section, type="Observation", interaction="create", **author):
    return may_write(principal, section, Authorship(type, interaction, **author), SHIPPED).permitted


@pytest.mark.parametrize("role", OWNERS)
def test_clinicians_of_plan_owning_organisations_write_every_section(role):
    assert all(verdict(caller(role), section, interaction="update") for section in Section)


@pytest.mark.parametrize("role", [Role.AMBULANCE, Role.NHS111, Role.CARE_HOME])
def test_notes_are_appended_and_nothing_else_of_a_plan_is_touched(role):
    assert verdict(caller(role), Section.CARE_PLAN, "Communication")
    assert not verdict(caller(role), Section.CARE_PLAN, "Communication", "update")
    assert not any(verdict(caller(role), section) for section in DECISIONS)
    assert not verdict(caller(role), Section.DIAGNOSES)


@pytest.mark.parametrize("role", [Role.CARE_HOME, Role.SOCIAL_CARE])
def test_care_home_and_social_care_edit_what_is_personal_but_not_sharing(role):
    for section in Section:
        personal = TIER[section] is Tier.T3 and section is not Section.SHARING_CHOICES
        assert verdict(caller(role), section, interaction="update") == personal


def test_patients_edit_what_is_personal_and_their_own_consent():
    patient = caller(Role.PATIENT)
    assert verdict(patient, Section.WHAT_MATTERS, interaction="update")
    assert verdict(patient, Section.SHARING_CHOICES, "Consent")
    assert not verdict(patient, Section.SHARING_CHOICES, "Observation")
    assert not any(verdict(patient, section) for section in DECISIONS)


@pytest.mark.parametrize("role", [Role.PROXY, Role.ADMIN, Role.PRIVACY_OFFICER, Role.RESEARCHER])
def test_others_write_nothing(role):
    assert not any(verdict(caller(role), section) for section in [*Section, None])


AUTHOR = {"author_id": "a1", "author_role_known": True, "author_organisation": "ZZ1"}


@pytest.mark.parametrize("section", DECISIONS)
@pytest.mark.parametrize("role", OWNERS)
def test_a_system_carries_decisions_of_its_own_organisations_clinicians(role, section):
    system = caller(role, named=False)
    assert verdict(system, section, **AUTHOR)
    for missing in ({"author_id": None}, {"author_role_known": False}, {"author_organisation": "ZZ2"}):
        assert not verdict(system, section, **(AUTHOR | missing))
    assert not verdict(system, section, interaction="delete", **AUTHOR)
    assert verdict(system, Section.DIAGNOSES)


@pytest.mark.parametrize("role", [Role.AMBULANCE, Role.CARE_HOME, Role.SYSTEM])
def test_other_systems_carry_nothing(role):
    assert not any(verdict(caller(role, named=False), section, **AUTHOR) for section in [*Section, None])


def test_a_111_system_files_its_report_as_a_note_and_carries_nothing_else():
    system = caller(Role.NHS111, named=False)
    assert verdict(system, Section.CARE_PLAN, "Communication")
    assert not verdict(system, Section.CARE_PLAN, "Communication", interaction="update")
    assert not verdict(system, Section.CARE_PLAN, "CarePlan", **AUTHOR)
    assert not any(verdict(system, one, "Communication", **AUTHOR) for one in Section if one is not Section.CARE_PLAN)


def test_emergency_access_never_writes():
    refused = may_write(caller(Role.GP), Section.CARE_PLAN, Authorship("CarePlan", "create", break_glass=True), SHIPPED)
    assert (refused.permitted, refused.rule) == (False, "4")


def test_what_follows_another_resource_may_be_sent_by_whoever_writes_something():
    assert verdict(caller(Role.AMBULANCE), None, "Provenance")


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("named", [True, False])
def test_plan_owning_organisations_take_people_on(role, named):
    assert may_take_on(caller(role, named=named)).permitted == (role in PLAN_OWNING_ROLES)
