"""The decision table, line by line: `decision_table.txt` says what must come of each question."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fhir_profiles.sections import DECISION_GROUP, Tier
from security.access_policy import base_policy
from security.decide_request import answer
from security.localities import Policies
from tests.security.sharing import NOW

TABLE = Path(__file__).with_name("decision_table.txt")
_NUMBERS = frozenset({"assurance", "days_since_death"})
_MACHINES = frozenset({"system"})


class Line(NamedTuple):
    """One line of the table: its text, the request in the words of `epaccs decide`, and what must come of it."""

    text: str
    asked: dict[str, Any]
    http: int
    tiers: frozenset[str]
    rule: str
    obligations: frozenset[str]


def lines() -> list[Line]:
    """Read the table."""
    read = [text for text in TABLE.read_text().splitlines() if text and not text.startswith("#")]
    return [_line(text) for text in read]


def _line(text: str) -> Line:
    asked, http, tiers, rule, obligations = (part.strip() for part in text.split("|"))
    return Line(
        " ".join(asked.split()),
        _request(dict(word.split("=", 1) for word in asked.split())),
        int(http),
        frozenset(tiers.split()),
        rule,
        frozenset({"audit", *obligations.split()}),
    )


def _request(words: dict[str, str]) -> dict[str, Any]:
    request: dict[str, Any] = {"org": "ZZORG1", "assurance": 2}
    glass = {"reason": "found unconscious at home", "echo_matches": True}
    for key, value in words.items():
        if key == "glass":
            request["break_glass"] = glass | {"basis": value}
        elif key in ("senior", "reason", "echo"):
            request["break_glass"] |= {"echo_matches": False} if key == "echo" else {key: value}
        elif key == "withheld":
            request[key] = value.split(",")
        elif key == "owner_org":
            request[key] = value == "true"
        else:
            request[key] = int(value) if key in _NUMBERS else value
    return request


@pytest.mark.parametrize("line", lines(), ids=lambda line: line.text)
def test_what_comes_of_it_is_what_the_rules_say(line: Line) -> None:
    told = answer(line.asked, Policies.of(base_policy()), NOW)

    assert told["http"] == line.http
    assert {name for name, state in told["tiers"].items() if state == "open"} == line.tiers
    assert told["rule"] == line.rule
    assert {told["sections"][section]["result"] for section in DECISION_GROUP} == {told["decision_group"]}
    assert set(told["obligations"]) == line.obligations
    assert set(told["tiers"]) == {tier.name for tier in Tier}


def test_the_table_speaks_of_every_built_in_role_and_every_step() -> None:
    read = lines()
    assert {line.asked["role"] for line in read} >= {
        *"gp hospice community hospital ambulance nhs111 care_home social_care patient proxy admin system".split(),
        *"privacy_officer researcher".split(),
    }
    assert {line.rule for line in read} >= {"2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "3", "4", "5.1"}
    assert len({line.text for line in read}) == len(read)
