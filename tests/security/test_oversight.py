"""Who watches over how records are used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from security.access_policy import base_policy
from security.oversight import decide_oversight, own_organisation
from security.principal import NamedPerson, Principal, Purpose, Role

OFFICER = Principal(
    client_id="c",
    organisation="ZZAMB1",
    role=Role.PRIVACY_OFFICER,
    purpose=Purpose.HCOMPL,
    registered_roles=frozenset({Role.PRIVACY_OFFICER}),
    scopes=frozenset(),
    token_id="t",
    issuer="i",
    user=NamedPerson("officer-1", "Officer Test"),
)


def test_an_officer_watches_over_their_own_organisation() -> None:
    assert own_organisation(OFFICER) == {"ZZAMB1"}
    # as a verified token says it: a word, for a policy may add roles
    assert own_organisation(replace(OFFICER, role=str(Role.PRIVACY_OFFICER))) == {"ZZAMB1"}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PRIVACY_OFFICER])
def test_no_other_role_watches_over_anything(role: Role) -> None:
    assert own_organisation(replace(OFFICER, role=role)) == frozenset()


def test_nor_does_an_officer_for_another_purpose_or_a_machine() -> None:
    assert own_organisation(replace(OFFICER, purpose=Purpose.TREAT)) == frozenset()
    assert own_organisation(replace(OFFICER, user=None)) == frozenset()


def test_the_decision_follows_from_the_scope() -> None:
    policy = base_policy()
    assert decide_oversight(OFFICER, frozenset({"ZZAMB1"}), policy, "d").status == 200
    refused = decide_oversight(OFFICER, frozenset(), policy, "d")
    assert (refused.permitted, refused.status, refused.open_cells) == (False, 403, 0)
