"""The people whose answers are looked at: a full plan, a nearly empty one, and what a crew may stumble over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from service.people.rota import rota
from tests.journeys.people import Person, admitted, crew, explained, gp, keeping_from, person, posted, sharing
from tests.running import Running
from tests.web.browsing import CrewLink, crew_link

GROUP = ("cpr_decision", "treatment_escalation", "adrt", "lpa_health_welfare", "decision_context")


@dataclass(frozen=True, slots=True)
class Case:
    """One person and the link to their answer; `fits`: one screen of a phone holds all of it."""

    name: str
    index: int
    traits: dict[str, Any]
    fits: bool = True


CASES = (
    Case("full", 760, {"review_in_days": 30}),
    Case("with-needs", 761, {"interpreter": "Polish", "alert": "Large dog in the house"}),
    Case(
        "nearly-empty",
        762,
        {"cpr": "none", "level": "none", "medicines": 0, "allergy": "not-recorded", "attorney": False},
    ),
    Case("conflict", 763, {"cpr": "conflict"}, fits=False),
    Case("revoked", 764, {"cpr": "revoked"}),
    Case("overdue", 765, {"review_in_days": -9, "decided_days_ago": 100}, fits=False),
    Case("for-cpr", 766, {"cpr": "for", "level": "selective", "place": "hospice"}),
    Case("withheld", 767, {}),
    Case("sent-twice", 1568, {}),
    Case("doubtful", 1572, {"advance_decision": True}),
    Case("switchboard", 1573, {}, fits=False),
)


def fill_directory(service: Running) -> None:
    """Write the demo's rota into the shared directory."""
    for one in rota():
        answer = service.call("POST", "/HealthcareService", service.token("system", "ZZDIR1"), one)
        assert answer.status_code in (200, 201), answer.text


def link_to(service: Running, case: Case) -> CrewLink:
    """Load the person of a case and return the crew's link."""
    someone = person(case.index, **case.traits)
    if case.name == "doubtful":
        dated = datetime.now(UTC) + timedelta(days=3)
        someone.resource("CarePlan")["created"] = dated.isoformat(timespec="seconds")
        del someone.resource("Consent", lambda one: "verification" in one)["verification"]
    if case.name == "switchboard":
        (point,) = (one for one in someone.resource("CareTeam")["telecom"] if "960024" in one["value"])
        point["value"] = "0300 123 4567 ext 24"
        someone.resource("CareTeam")["telecom"].append({**point, "value": "by the switchboard, bleep 45"})
    posted(service, someone)
    if case.name == "withheld":
        denial = keeping_from("ZZAMB1", GROUP[0])
        denial["code"] = [keeping_from("ZZAMB1", section)["code"][0] for section in GROUP]
        kept = sharing(someone, "permit", provision={"provision": [denial]}, extension=[explained()])
        _consent(service, someone, kept)
    if case.name == "sent-twice":
        decision = service.call("GET", f"/{someone.cpr()}", gp(service)).json()
        again = {name: value for name, value in decision.items() if name not in ("id", "meta", "text")}
        assert service.call("POST", "/Observation", gp(service), again).status_code == 201
    return crew_link(service, someone.nhs_number)


def not_shared(service: Running, index: int) -> CrewLink:
    """Return the link to somebody who shared with the ambulance service and then withdrew."""
    someone = admitted(service, index)
    link = crew_link(service, someone.nhs_number)
    assert service.emergency(crew(service), someone.nhs_number).status_code == 200
    _consent(service, someone, sharing(someone, "deny"))
    return link


def nobody(service: Running, index: int) -> CrewLink:
    """Return the link to somebody without a plan."""
    return crew_link(service, person(index).nhs_number)


def _consent(service: Running, someone: Person, new: dict[str, Any]) -> None:
    standing = someone.reference("Consent", lambda consent: "patient-privacy" in str(consent["scope"]))
    new["id"] = standing.partition("/")[2]
    answer = service.call("PUT", f"/{standing}", gp(service), new, {"If-Match": 'W/"1"'})
    assert answer.status_code == 200, answer.text
