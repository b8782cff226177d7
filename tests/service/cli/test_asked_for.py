"""Commands are imported when they are asked for: each is where the table says, and a small one needs little."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from service.cli import COMMANDS, main
from tests.running import REPOSITORY


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_where_the_table_says(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name


def test_what_is_no_command_is_none() -> None:
    assert main.get_command(click.Context(main), "os") is None
    assert main.list_commands(click.Context(main)) == sorted(COMMANDS)


def test_a_command_about_keys_imports_no_web_framework() -> None:
    asked = (
        "import sys, click; from service.cli import main; main.get_command(click.Context(main), 'keys');"
        "sys.exit('fastapi' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", asked], cwd=REPOSITORY, check=False).returncode == 0
