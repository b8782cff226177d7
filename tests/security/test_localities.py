"""One service, several localities: whose policy governs whom, and that no answer gives away which (rules 1 and 2)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_profiles.sections import Section
from security.access_request import AccessRequest, ConsentState, RecordFacts, Relationship
from security.consent import admit, decide
from security.errors import InvalidPolicy
from security.localities import load_policies
from security.principal import Purpose, Role
from tests.security.sharing import NOW


def locality(folder: Path, name: str, places: list[str], **changes: Any) -> None:
    """Write a locality's policy file."""
    text = {"id": name, "version": "3", "locality": {"name": name, "places": places}, "changes": changes}
    (folder / f"{name}.json").write_text(json.dumps(text))


def decided(policies: Any, places: list[str], role: Role = Role.NHS111, purpose: Purpose = Purpose.TREAT) -> Any:
    request = AccessRequest(role, "ZZ1110", purpose, "u1", Relationship.ESTABLISHED, id="")
    policy = policies.governing(places)
    facts = RecordFacts(consents=ConsentState.IMPLIED)
    return decide(request, facts, policy, NOW, admitted=policy is not policies.base)


def test_two_localities_with_different_cells_run_side_by_side(tmp_path):
    locality(tmp_path, "north", ["ZZGP01", "ZZCH01"], matrix={"nhs111": {"T3": "P"}})
    locality(tmp_path, "south", ["ZZGP02"], matrix={"nhs111": {"T2": "X"}})
    policies = load_policies(localities=tmp_path)
    north, south, other = (decided(policies, [place]) for place in ("ZZGP01", "ZZGP02", "ZZGP09"))

    def opens(decision: Any, section: Section) -> bool:
        return bool(decision.open_sections >> list(Section).index(section) & 1)

    assert [opens(one, Section.WHAT_MATTERS) for one in (north, south, other)] == [True, False, False]
    assert [opens(one, Section.DIAGNOSES) for one in (north, south, other)] == [True, False, True]
    assert [one.policy_id for one in (north, south, other)] == ["north", "south", "epaccs-base"]
    assert len({one.policy_hash for one in (north, south, other)}) == 3


def test_the_first_place_that_a_locality_has_decides(tmp_path):
    locality(tmp_path, "north", ["ZZCH01"])
    locality(tmp_path, "south", ["ZZGP02"])
    policies = load_policies(localities=tmp_path)
    assert policies.governing(["ZZCH01", "ZZGP02"]).id == "north"
    assert policies.governing(["ZZCH99", "ZZGP02"]).id == "south"
    assert policies.governing([]) is policies.base


def test_what_only_a_locality_refuses_beforehand_is_not_a_403(tmp_path):
    # which policy governs is known only after the look-up: a 403 by it would tell that there is a record
    locality(tmp_path, "north", ["ZZGP01"], allowed={"ambulance": ["TREAT"]})
    policies = load_policies(localities=tmp_path)
    request = AccessRequest(Role.AMBULANCE, "ZZAMB1", Purpose.ETREAT, "u1", id="")
    assert admit(request, policies.base) is None
    assert decided(policies, ["ZZGP01"], Role.AMBULANCE, Purpose.ETREAT).status == 404
    assert decided(policies, ["ZZGP01"], Role.AMBULANCE).status == 200


def test_a_change_of_the_deployment_s_policy_changes_every_locality_s_hash(tmp_path):
    (tmp_path / "localities").mkdir()
    locality(tmp_path / "localities", "north", ["ZZGP01"])
    before = load_policies(localities=tmp_path / "localities")
    text = json.loads((Path(__file__).parents[2] / "security" / "policies" / "base.json").read_text())
    text["settings"]["days_after_death"] = 7
    (tmp_path / "own.json").write_text(json.dumps(text))
    after = load_policies(tmp_path / "own.json", tmp_path / "localities")
    assert after.localities[0].hash != before.localities[0].hash
    assert after.localities[0].settings.days_after_death == 7


NORTH: dict[str, Any] = {"id": "n", "version": "1", "locality": {"name": "n", "places": ["ZZ1"]}, "changes": {}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "truncated"),
        (json.dumps({"id": "n", "version": "1", "changes": {}}), "exactly"),
        (json.dumps({**NORTH, "locality": {"name": "n", "places": []}}), "needs `places`"),
        (json.dumps({**NORTH, "changes": {"added_roles": {}}}), "the deployment's"),
        (json.dumps({**NORTH, "changes": {"matrix": {"gp": {"T1": None}}}}), "row of gp"),
        (json.dumps({**NORTH, "changes": {"settings": {"refusal": "shout"}}}), "refusal"),
    ],
)
def test_a_locality_file_that_cannot_be_used_stops_the_start_with_its_name(tmp_path, text, says):
    (tmp_path / "north.json").write_text(text)
    with pytest.raises(InvalidPolicy) as refused:
        load_policies(localities=tmp_path)
    assert "north.json" in str(refused.value)
    assert says in str(refused.value)


def test_no_place_lies_in_two_localities(tmp_path):
    locality(tmp_path, "north", ["ZZGP01"])
    locality(tmp_path, "south", ["ZZGP01"])
    with pytest.raises(InvalidPolicy, match="ZZGP01 lies in north and in south"):
        load_policies(localities=tmp_path)


def test_a_folder_that_is_not_there_stops_the_start(tmp_path):
    with pytest.raises(InvalidPolicy, match="folder"):
        load_policies(localities=tmp_path / "none")
