"""A change that closes decisions to crews is noticed, and a confirmation of it is complete and its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fhir_profiles.sections import CRITICAL_SECTIONS, DECISION_GROUP, Section
from security.emergency_view import CONFIRMATION, closed_by, is_confirmed
from tests.security.sharing import NOW, SHIPPED, compiled, consent, provision

PERMIT = compiled(consent(provision("permit")))
NOTHING = compiled()
GROUP = tuple(section.value for section in DECISION_GROUP)


def closes(root: dict[str, Any], before=NOTHING) -> frozenset[Section]:
    return closed_by(before, compiled(consent(root)), SHIPPED, NOW)


@pytest.mark.parametrize("before", [NOTHING, PERMIT])
def test_a_refusal_of_everything_closes_every_critical_section(before):
    assert closes(provision("deny"), before) == DECISION_GROUP | CRITICAL_SECTIONS


@pytest.mark.parametrize(
    ("root", "closed"),
    [
        (provision("permit"), set()),
        (provision("permit", provision("deny", tiers=("T4", "T3"))), set()),
        (provision("permit", provision("deny", sections=("allergies",))), {Section.ALLERGIES}),
        (provision("permit", provision("deny", sections=("allergies",), role="ambulance")), {Section.ALLERGIES}),
        (provision("permit", provision("deny", sections=("allergies",), role="nhs111")), {Section.ALLERGIES}),
        (provision("permit", provision("deny", sections=("allergies",), role="hospital")), set()),
        (provision("permit", provision("deny", sections=GROUP, purposes=("ETREAT",))), set(DECISION_GROUP)),
        (provision("permit", provision("deny", sections=GROUP, start="2027-01-01")), set(DECISION_GROUP)),
        (provision("permit", end="2027-01-01"), set()),
        (provision("permit", org="ZZ1"), set(DECISION_GROUP | CRITICAL_SECTIONS)),
    ],
)
def test_what_crews_would_no_longer_see_now_or_later_is_told(root, closed):
    assert closes(root) == closed


@pytest.mark.parametrize(
    ("org", "sections", "closed"),
    [
        ("ZZ1", ("allergies",), {Section.ALLERGIES}),
        ("ZZ2", GROUP, set(DECISION_GROUP)),
        ("ZZ1", ("mental_health",), set()),
        ("ZZ3", ("allergies",), set()),
    ],
)
def test_what_one_service_of_crews_or_of_111_would_no_longer_see_is_told_too(org, sections, closed):
    services = {"ambulance": frozenset({"ZZ1"}), "nhs111": frozenset({"ZZ2"}), "hospital": frozenset({"ZZ3"})}
    after = compiled(consent(provision("permit", provision("deny", sections=sections, org=org))))
    assert closed_by(PERMIT, after, SHIPPED, NOW, lambda role: services[role]) == closed
    assert closed_by(PERMIT, after, SHIPPED, NOW) == set(), "unless nobody says that it is one"


def test_what_was_closed_already_does_not_close_again():
    assert closes(provision("deny"), compiled(consent(provision("deny", purposes=("TREAT",)), id="old"))) == set()


def confirmation(**changed: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "explained-by": {"valueIdentifier": {"system": "urn:x", "value": "u1"}},
        "explained-at": {"valueDateTime": "2026-11-23T11:00:00Z"},
        "understands": {"valueBoolean": True},
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    parts = [{"url": name, **value} for name, value in values.items() if value is not None]
    return {"url": CONFIRMATION, "extension": parts}


def carrying(*extensions: dict[str, Any]) -> dict[str, Any]:
    return consent(provision("deny"), extension=list(extensions))


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (confirmation(), True),
        (confirmation(explained_by={"valueReference": {"reference": "Practitioner/1"}}), True),
        (confirmation(explained_by={"valueReference": {"display": "somebody"}}), False),
        (confirmation(explained_by=None), False),
        (confirmation(explained_at=None), False),
        (confirmation(explained_at={"valueDateTime": "2026-11-23T12:00:01Z"}), False),
        (confirmation(explained_at={"valueDateTime": "soon"}), False),
        (confirmation(understands=None), False),
        (confirmation(understands={"valueBoolean": False}), False),
        ({"url": CONFIRMATION, "valueBoolean": True}, False),
        (confirmation() | {"url": "urn:x"}, False),
    ],
)
def test_a_confirmation_says_who_explained_it_when_and_that_the_person_understands(given, counts):
    assert is_confirmed(carrying(given), None, NOW) == counts


def test_the_confirmation_of_an_earlier_version_confirms_nothing_new():
    earlier = carrying(confirmation())
    later = confirmation(explained_at={"valueDateTime": "2026-11-23T11:30:00Z"})
    assert not is_confirmed(carrying(confirmation()), earlier, NOW)
    assert is_confirmed(carrying(confirmation(), later), earlier, NOW)
    assert is_confirmed(carrying(confirmation()), carrying(), NOW)
    assert not is_confirmed(carrying(later), earlier, NOW - timedelta(hours=1))
