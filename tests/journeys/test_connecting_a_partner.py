"""The guide's part "Connect a partner in 30 minutes", followed literally: its blocks are run, its outputs compared."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import msgspec

from adapters.partners import Description, Limits
from tests.running import REPOSITORY, free_port
from tests.standins.processes import free_ports

GUIDE = (REPOSITORY / "docs/integrating.md").read_text().partition("## 13. Connect a partner in 30 minutes\n")[2]
MARK = "=== block"


def steps() -> list[tuple[str, list[str]]]:
    """Return each block of commands with the lines that it prints."""
    found: list[tuple[str, list[str]]] = []
    for language, content in re.findall(r"```(sh|text)\n(.*?)```", GUIDE, re.DOTALL):
        if language == "sh":
            found.append((content, []))
        else:
            found[-1][1].extend(content.splitlines())
    return found


def test_every_command_runs_and_prints_what_the_guide_says(tmp_path: Path) -> None:
    walk = steps()
    assert len(walk) > 8
    script = "set -u\ntrap 'kill ${SERVICE:-} ${STANDIN:-} 2>/dev/null' EXIT\n"
    script += "".join(f"echo '{MARK} {number}'\n{commands}" for number, (commands, _) in enumerate(walk))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EPACCS_")}
    inherited["PYTHONPATH"] = str(REPOSITORY)  # what is tested is this folder, wherever the command was installed from
    own = {"CONNECT": str(tmp_path / "connect"), "EPACCS_PORT": str(free_port()), "SYSTEM": str(free_ports())}
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=REPOSITORY,
        env={**inherited, **own},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    printed = re.split(rf"{MARK} \d+\n", ran.stdout)[1:]
    assert len(printed) == len(walk), ran.stdout + ran.stderr
    for (commands, wanted), lines in zip(walk, printed, strict=True):
        assert "not in a minute" not in lines, commands + lines + ran.stderr
        assert [one for one in wanted if one not in lines.splitlines()] == [], (commands, lines, ran.stderr)


def test_the_table_has_every_member_of_a_description_and_what_it_is_when_left_out() -> None:
    table = GUIDE.partition("### The description of a partner")[2].partition("###")[0]
    rows = {match[1]: match[2] for match in re.finditer(r"^\| `([a-z_.]+)` \|.*\| ?([^|]*)\|$", table, re.MULTILINE)}
    members = {field.encode_name for field in msgspec.structs.fields(Description)} - {"limits"}
    limits = {f"limits.{field.encode_name}": field.default for field in msgspec.structs.fields(Limits)}
    assert rows.keys() == members | limits.keys()
    assert {name: rows[name].strip() for name in limits} == {name: f"{value:g}" for name, value in limits.items()}
    required = {field.encode_name for field in msgspec.structs.fields(Description) if field.required}
    assert {name for name, left_out in rows.items() if not left_out.strip()} == required | {"settings"}


def test_it_leads_to_every_guide_of_partners() -> None:
    named = set(re.findall(r"\]\(([a-z-]+\.md)\)", GUIDE))
    assert {"fhir-partners.md", "mappings.md", "webhooks.md", "csv.md", "sandbox.md", "sync-operations.md"} <= named
