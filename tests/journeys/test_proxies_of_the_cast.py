"""The invented people who have somebody to act for them: what each of those reads, if the policy lets proxies in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.people.demo import DemoPerson, demo_people
from tests.journeys.people import Json, Person, posted
from tests.journeys.test_proxy_reads import open_to_proxies
from tests.running import Running

__all__ = ["open_to_proxies"]

PROXIES = {
    "Violet Patternhurst": "zz-proxy-attorney",
    "Rhys Samplecombe": "zz-proxy-laura",
    "Percy Mockhurst": "zz-proxy-howard",
}


def of_the_cast(name: str) -> DemoPerson:
    return next(one for one in demo_people(datetime.now(UTC)) if one.name == name)


def here(service: Running, name: str) -> Person:
    """Return one of the cast, loaded into a service; again, if they are there already, at no cost."""
    one = of_the_cast(name)
    return posted(service, Person(one.nhs_number, one.bundle))


def reads(service: Running, someone: Person, user: str) -> dict[str, int]:
    """Return what a proxy is answered for a decision, what matters to the person, and a diagnosis."""
    token = service.token("proxy", "ZZAPP1", user_id=user)
    wish = someone.reference("Observation", lambda one: "preferences-and-wishes" in str(one["code"]))
    asked = {"decision": someone.cpr(), "wish": wish, "diagnosis": someone.reference("Condition")}
    return {name: service.call("GET", f"/{reference}", token).status_code for name, reference in asked.items()}


EVERYTHING = {"decision": 200, "wish": 200, "diagnosis": 200}
NOTHING = {"decision": 404, "wish": 404, "diagnosis": 404}


@pytest.mark.parametrize(
    ("name", "gets"),
    [
        ("Violet Patternhurst", EVERYTHING),
        ("Rhys Samplecombe", EVERYTHING),
        ("Percy Mockhurst", {"decision": 404, "wish": 200, "diagnosis": 404}),
    ],
)
def test_each_reads_what_they_may_where_the_policy_lets_proxies_in(
    open_to_proxies: Running, service: Running, name: str, gets: dict[str, int]
) -> None:
    someone = here(open_to_proxies, name)

    assert reads(open_to_proxies, someone, PROXIES[name]) == gets
    for other in PROXIES.values():
        if other != PROXIES[name]:
            assert reads(open_to_proxies, someone, other) == NOTHING

    shut = here(service, name)
    assert reads(service, shut, PROXIES[name]) == dict.fromkeys(EVERYTHING, 403), "as shipped"


def test_nobody_else_of_the_cast_has_a_proxy() -> None:
    def users(bundle: Json) -> list[str]:
        found = (entry["resource"] for entry in bundle["entry"])
        return [
            one["identifier"][0]["value"]
            for one in found
            if one["resourceType"] == "RelatedPerson" and "identifier" in one
        ]

    assert {one.name: users(one.bundle)[0] for one in demo_people(datetime.now(UTC)) if users(one.bundle)} == PROXIES
