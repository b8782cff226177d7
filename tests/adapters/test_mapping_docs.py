"""Every example in the guide to mappings is one that the program takes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from adapters.mapping import mapping_of
from tests.running import REPOSITORY

GUIDE = (REPOSITORY / "docs/mappings.md").read_text()
EXAMPLES: list[dict[str, Any]] = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)]


def test_each_kind_of_rule_has_an_example() -> None:
    assert {one["rule"] for one in EXAMPLES if "rule" in one} == {
        "code",
        "identifier-system",
        "move",
        "constant",
        "drop",
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: str(one.get("rule", "file")))
def test_an_example_is_taken(example: dict[str, Any]) -> None:
    mapping_of(example if "rules" in example else {"name": "example", "rules": [example]})


def test_the_command_in_the_guide_says_that_it_comes_back_the_same() -> None:
    [script] = re.findall(r"```sh\n.venv/bin/python - (\S+) <<'END'\n(.*?)END\n```", GUIDE, re.DOTALL)
    path, program = script
    done = subprocess.run(
        [sys.executable, "-", path], input=program, cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("comes back the same: True\n")
    assert '"code": "R-NO"' in done.stdout
