"""A partner's resource made ours, and what is known of it before: by its version, its time, and what it is here."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from adapters.base import Arrived, HeldThere, Whom
from service.plan import vocabulary as v
from service.sync import ours
from service.sync.earlier import Outcome, newer, outcome_before
from service.sync.held import LaneState, Taken
from tests.service.sync.messages import NURSE, ROLE, WARD, cpr, team

WHOM = Whom("9990000018", "Testley", "1940-05-06")


def arrived(resource: dict[str, Any] | None, **more: Any) -> Arrived:
    """Return a resource out of a message."""
    said: dict[str, Any] = {"theirs": "Observation/9", "version": "1", "sent": "2026-03-01T10:00:00Z", **more}
    return Arrived(whom=WHOM, resource=resource, companions=team() if resource else {}, **said)


def test_references_become_ours_and_nothing_of_the_sender_stays() -> None:
    """Those of the person are the person's, those that are known are ours, companions travel, others keep a name."""
    said = cpr("1", "2026-03-01T09:00:00Z", encounter={"reference": "Encounter/e1"}, id="9", meta={"versionId": "4"})
    said["derivedFrom"] = [
        {"reference": "Observation/8"},
        {"reference": "#own"},
        {"reference": "https://elsewhere.example/1"},
    ]
    before = deepcopy(said)
    made = ours.translated(
        arrived(said), "hospice", "Patient/ours", {"Observation/8": "Observation/known", WARD: "Organization/w"}
    )
    assert said == before, "what arrived is not changed"
    resource = made.resource
    assert resource["subject"]["reference"] == "Patient/ours"
    assert resource["encounter"] == {"type": "Encounter", "display": "named by the sender, not sent"}
    assert [one["reference"] for one in resource["derivedFrom"]] == [
        "Observation/known",
        "#own",
        "https://elsewhere.example/1",
    ]
    assert not {"id", "meta"} & resource.keys()
    assert ours.is_from(resource, "hospice", "Observation/9")
    assert ours.theirs_of(resource, "hospice") == "Observation/9"
    assert ours.theirs_of(resource, "elsewhere") == ""
    assert made.made == [NURSE, ROLE], "what is here already is not made again"
    urns = {theirs: change.full_url for theirs, change in zip(made.made, made.companions, strict=True)}
    assert resource["performer"] == [{"reference": urns[ROLE]}]
    role = made.companions[1].resource
    assert role is not None
    assert role["practitioner"]["reference"] == urns[NURSE]
    assert role["organization"]["reference"] == "Organization/w"


def test_an_identifier_is_given_once_and_keeps_what_the_sender_had() -> None:
    own = [{"system": "https://hospice.example/ids", "value": "7"}, ours.identifier_of("hospice", "Observation/old")]
    made = ours.translated(arrived(cpr("1", "2026-03-01", identifier=own)), "hospice", "Patient/ours", {})
    assert made.resource["identifier"] == [own[0], ours.identifier_of("hospice", "Observation/9")]
    single = {"resourceType": "QuestionnaireResponse", "status": "completed", "subject": {"reference": "Patient/x"}}
    answered = ours.translated(arrived(single), "hospice", "Patient/ours", {})
    assert answered.resource["identifier"] == ours.identifier_of("hospice", "Observation/9")
    assert ours.theirs_of(answered.resource, "hospice") == "Observation/9"


def test_a_disagreement_names_the_rivals() -> None:
    said = {"resourceType": "Observation", "extension": [{"url": "x"}]}
    found = ours.disagreeing(said, ["Observation/1", "Observation/2"])
    assert [one["url"] for one in found["extension"]] == ["x", v.CONFLICTS_WITH, v.CONFLICTS_WITH]
    assert said["extension"] == [{"url": "x"}]


def state(version: str = "2", sent: str = "2026-03-01T12:00:00Z") -> LaneState:
    """Return a lane in which one version was taken."""
    return LaneState(taken={"Observation/9": Taken("Observation/ours", version, sent, b"digest")})


@pytest.mark.parametrize(
    ("version", "sent", "outcome"),
    [
        ("2", "2026-03-01T13:00:00Z", Outcome.SEEN),
        ("3", "2026-03-01T13:00:00Z", None),
        ("3", "2026-03-01T13:30:00+01:00", None),
        ("1", "2026-03-01T12:30:00+01:00", Outcome.LATE),
        ("1", "2026-03-01T11:59:59.999Z", Outcome.LATE),
        ("", "2026-03-01T11:00:00Z", Outcome.LATE),
        ("", "2026-03-01T12:00:00Z", None),
        ("1", "", None),
    ],
)
def test_what_is_known_before(version: str, sent: str, outcome: Outcome | None) -> None:
    """By version whether it came, by the moment that the sender names (not by its local time) whether it is late."""
    assert outcome_before(arrived({}, version=version, sent=sent), state()) is outcome


def test_what_we_made_there_is_not_news() -> None:
    """The version that the partner gave to what we sent comes back when it is asked for what is new."""
    made = LaneState(held={"Observation/ours": HeldThere("Observation/9", "5", b"digest")})
    assert outcome_before(arrived({}, version="5"), made) is Outcome.SEEN
    assert outcome_before(arrived({}, version="6"), made) is None
    assert outcome_before(arrived({}, version=""), made) is None


def test_a_newer_version_that_says_the_same_moves_what_is_remembered() -> None:
    taken = Taken("Observation/ours", "2", "2026-03-01T12:00:00Z", b"digest")
    assert newer(taken, arrived({}, version="3", sent="")) == Taken("Observation/ours", "3", taken.sent, b"digest")
