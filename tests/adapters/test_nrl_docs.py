"""docs/nhs-locator.md says of settings, types and failures what the code does, and its description is a good one."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from adapters import errors
from adapters.http import Answer
from adapters.nrl_keep import SETTLED_AFTER
from adapters.nrl_refusals import FACTS, refuse
from adapters.nrl_settings import POINTER_TYPES, NrlSettings
from service.cli.sync import judged
from tests.adapters.guides import guide_blocks
from tests.adapters.nrl_world import KEY
from tests.running import REPOSITORY, demo_settings
from tests.standins.nrl_tokens import key_file_text

GUIDE = (REPOSITORY / "docs" / "nhs-locator.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in GUIDE.partition("## What can go wrong")[2].partition("\n## ")[0].splitlines()
    if line.startswith("| ")
]


def test_every_setting_is_described_and_no_other():
    table = GUIDE.partition("### Settings")[2].partition("| `type` | display |")[0]
    names = re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)
    assert sorted(names) == sorted(NrlSettings.__struct_fields__)
    defaults = {one.name: one.default for one in msgspec.structs.fields(NrlSettings)}
    assert (defaults["type"], defaults["retrieval"]) == ("736373009", True)
    assert SETTLED_AFTER.total_seconds() == 60


def test_every_type_is_listed():
    rows = re.findall(r"^\| `(\d+)` \| (.+) \|$", GUIDE, re.MULTILINE)
    assert dict(rows) == {code: displays[0] for code, displays in POINTER_TYPES.items()}


@pytest.mark.parametrize("code", sorted(FACTS))
def test_every_code_is_the_fact_that_the_guide_names(code: str):
    [row] = [row for row in ROWS if f"`{code}`" in row[0]]
    named = re.findall(r"`([A-Z][a-z][A-Za-z]+)`", row[1])[-1]
    assert FACTS[code] is getattr(errors, named)


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
def test_every_status_that_means_later_is_named(status: int):
    [row] = [row for row in ROWS if str(status) in row[0]]
    with pytest.raises(errors.OutsideError) as caught:
        refuse(Answer(status, {}, b""))
    assert f"`{type(caught.value).__name__}`" in row[1]


def test_sync_check_accepts_the_description_of_the_guide(tmp_path: Path):
    (sample,) = guide_blocks("nhs-locator", "json")
    folder = tmp_path / "partners"
    folder.mkdir()
    (folder / "locator.json").write_text(sample)
    settings = demo_settings(tmp_path / "home", 8000, EPACCS_PARTNERS=str(folder))
    assert judged(settings)[1] != [], "its key is missing"
    (folder / "locator.jwk").touch(mode=0o600)
    (folder / "locator.jwk").write_text(key_file_text(KEY))
    found, problems = judged(settings)
    assert (list(found), problems) == (["locator.json"], [])
