"""docs/nhs-pds.md says of settings and failures what the code does, and its example is accepted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from adapters import errors
from adapters.partners import load_partners
from adapters.pds import LONGEST_WAIT, MOST_TRIES, PER_SECOND
from adapters.pds_partner import PdsSettings
from adapters.platform_auth import PlatformAuth
from adapters.registry import kind_of
from service.cli import main
from tests.adapters.pds_world import KEY, private
from tests.running import REPOSITORY, demo_settings

GUIDE = (REPOSITORY / "docs" / "nhs-pds.md").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the guide's example."""
    folder = tmp_path / "partners"
    folder.mkdir()
    example = re.search(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    assert example is not None
    (folder / "pds.json").write_text(example[1])
    private(folder / "pds-api-key", "an-invented-key\n")
    private(folder / "pds-key.jwk", json.dumps(KEY.as_dict(private=True)))
    return folder


def test_the_example_is_accepted(folder: Path, tmp_path: Path) -> None:
    [partner] = load_partners(folder)
    kind_of(partner)
    home = tmp_path / "home"
    demo_settings(home, 8000)
    given = {"EPACCS_ENV": "demo", "EPACCS_HOME": str(home), "EPACCS_PARTNERS": str(folder)}
    result = CliRunner().invoke(main, ["sync", "check"], env=given)
    assert (result.exit_code, "Nothing is wrong." in result.output) == (0, True), result.output


def test_every_setting_is_described_and_no_other() -> None:
    table = GUIDE.partition("| member of `settings`")[2].partition("`limits.timeout`")[0]
    described = re.findall(r"^\| `([a-z_.]+)` \|", table, re.MULTILINE)
    own = [name for name in PdsSettings.__struct_fields__ if name != "auth"]
    assert sorted(described) == sorted([*own, *(f"auth.{name}" for name in PlatformAuth.__struct_fields__)])
    defaults = {one.name: one.default for one in msgspec.structs.fields(PdsSettings)}
    assert defaults["per_second"] == PER_SECOND == 5.0
    assert (LONGEST_WAIT, MOST_TRIES) == (10.0, 3)


def test_every_fact_that_is_named_exists() -> None:
    table = GUIDE.partition("### Failures")[2].partition("## For engineers")[0]
    facts = re.findall(r"\| `([A-Za-z]+)` \|", table)
    assert len(facts) > 8
    assert all(issubclass(getattr(errors, name), errors.OutsideError) for name in facts)


def test_every_file_that_is_named_exists() -> None:
    named = re.findall(r"`((?:adapters|security|service|tests|scripts)/[a-z_/]+\.(?:py|sh))`", GUIDE)
    assert len(named) > 9
    assert [one for one in named if not (REPOSITORY / one).exists()] == []
