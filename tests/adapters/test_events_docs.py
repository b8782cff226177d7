"""docs/nhs-events.md says of settings and descriptions what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from adapters.mns_kind import MnsSettings, SubscriptionSettings
from adapters.nems_kind import NemsSettings
from adapters.partners import read_partner
from adapters.registry import kind_of
from tests.adapters.guides import guide_blocks
from tests.adapters.mns_world import key, private
from tests.adapters.nems_world import files
from tests.running import REPOSITORY

GUIDE = (REPOSITORY / "docs" / "nhs-events.md").read_text()


@pytest.mark.parametrize(
    ("heading", "struct"),
    [
        ("| setting of `nems`", NemsSettings),
        ("| setting of `mns`", MnsSettings),
        ("| member of `subscription`", SubscriptionSettings),
    ],
)
def test_every_setting_is_described_and_no_other(heading: str, struct: type[msgspec.Struct]):
    table = GUIDE.partition(heading)[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([a-z_]+)`", " ".join(rows))) == sorted(struct.__struct_fields__)


def test_the_defaults_are_those_of_the_tables():
    defaults = {field.name: field.default for field in msgspec.structs.fields(MnsSettings)}
    assert (defaults["wait"], defaults["visibility"]) == (5, 300)
    [events] = [field.default for field in msgspec.structs.fields(SubscriptionSettings) if field.name == "events"]
    assert ", ".join(f"`{event}`" for event in events) in GUIDE


@pytest.mark.parametrize("kind", ["nems", "mns"])
def test_the_example_is_accepted(kind: str, tmp_path: Path):
    [example] = [block for block in guide_blocks("nhs-events", "json") if json.loads(block)["kind"] == kind]
    (tmp_path / "one.json").write_text(example)
    files(tmp_path)
    private(tmp_path / "aws-key", json.dumps({"access_key_id": "AKID", "secret_access_key": "secret"}))
    private(tmp_path / "api-key", "the-key-of-the-application")
    private(tmp_path / "api.jwk", json.dumps(key().as_dict(private=True)))
    kind_of(read_partner(tmp_path / "one.json"))
