from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fhir_profiles.sections import Tier
from security.access_policy import BASE_POLICY, Cell, load, parse
from security.errors import InvalidPolicy
from security.principal import Purpose, Role

MATRIX = """
gp          P P P P P P P X P
hospice     P P P P P P P X P
community   P P P P P P P X P
hospital    P P P P P E P X P
ambulance   P P P P B B B X P
nhs111      P P P E B B X X P
care_home   P P P P E X X X P
social_care P P E P E P X X P
patient     P P P P P X X P P
proxy       P P P P E X X X P
system      P P P X X X X X P
admin       P X X X X X X X P
"""
ADDED_ROWS = """
coordination P P P P P P P X P
support     P N X N X X X X N
education   P N X X X X X X X
bereavement X N X X X X X X X
"""


def document() -> dict[str, Any]:
    read: dict[str, Any] = msgspec.json.decode(BASE_POLICY.read_bytes())
    return read


def test_the_shipped_matrix_is_the_table_of_rule_3():
    shipped = load(BASE_POLICY)
    for line in (MATRIX + ADDED_ROWS).split("\n"):
        if line:
            role, *letters = line.split()
            assert [shipped.letter(role, tier).value for tier in Tier] == letters, role
    assert set(shipped.rows) == {line.split()[0] for line in (MATRIX + ADDED_ROWS).splitlines() if line}


def test_the_table_in_the_documentation_is_the_shipped_matrix():
    shipped = load(BASE_POLICY)
    text = (Path(__file__).parents[2] / "docs" / "sharing-rules.md").read_text()
    table = [
        line.strip("| ").split(" | ")
        for line in text.splitlines()
        if re.fullmatch(r"\| [a-z0-9_, ]+( \| [PEBNX]){9} \|", line)
    ]
    told = {role: letters for names, *letters in table for role in names.split(", ")}
    assert told == {role: [letter.value for letter in row.letters] for role, row in shipped.rows.items()}


def test_a_role_without_a_row_reads_nothing():
    assert {load(BASE_POLICY).letter(Role.RESEARCHER, tier) for tier in Tier} == {Cell.NEVER}


def test_emergency_access_and_self_claims_are_shipped_switched_on_and_proxies_off():
    gates = load(BASE_POLICY).gates
    assert (gates.break_glass, gates.proxy, gates.self_claim) == (True, False, True)


def test_only_purposes_of_individual_care_are_allowed():
    allowed = load(BASE_POLICY).allowed
    assert (Role.GP, Purpose.ETREAT) in allowed
    assert (Role.CARE_HOME, Purpose.ETREAT) not in allowed
    assert Purpose.HCOMPL not in {purpose for _, purpose in allowed}


def test_the_hash_is_of_the_meaning_not_of_the_layout():
    shipped = load(BASE_POLICY)
    assert parse(msgspec.json.encode(document())).hash == shipped.hash
    changed = document()
    changed["matrix"]["nhs111"]["T3"] = "P"
    assert parse(msgspec.json.encode(changed)).hash != shipped.hash


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("matrix", "gp", "T1"), "Q"),
        (("matrix", "gp"), {"T0": "P"}),
        (("matrix", "wizard"), {"T0": "P"}),
        (("matrix", "care_home", "T4"), "B"),
        (("allowed", "gp"), ["HRESCH"]),
        (("allowed", "privacy_officer"), ["HCOMPL"]),
        (("settings", "refusal"), "shout"),
        (("settings", "days_after_death"), -1),
        (("settings", "surprise"), 1),
        (("gates", "break_glass"), "yes"),
    ],
)
def test_a_policy_that_is_not_wholly_understood_is_refused(path, value):
    changed = document()
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(InvalidPolicy) as refused:
        parse(msgspec.json.encode(changed))
    assert refused.value.problems


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
def test_what_is_not_a_policy_document_is_refused(body):
    with pytest.raises(InvalidPolicy):
        parse(body)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InvalidPolicy):
        load(tmp_path / "none.json")


def test_the_documentation_says_who_signs_off_what():
    text = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
    told = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE))
    signed = {part: words.rpartition(": ")[2] for part, words in document()["sign_off"].items()}
    assert {part: told.get(part) for part in signed} == signed
