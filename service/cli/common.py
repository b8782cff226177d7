"""What every command needs: settings or a list of what is wrong with them, and plain endings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import NoReturn, ParamSpec, TypeVar

import click

from adapters.errors import OutsideError
from fhir_profiles.errors import FhirProfilesError
from security.demo_clients import make_demo_clients
from security.errors import InvalidConfiguration, InvalidPolicy, SecurityError
from security.keys import FileKeyRing, key_path
from service.settings import InvalidSettings, Settings, environ_with_dotenv
from service.store.errors import StoreError

P = ParamSpec("P")
R = TypeVar("R")


def fail(*lines: str) -> NoReturn:
    """Print what went wrong and end with 1."""
    for line in lines:
        click.echo(line, err=True)
    sys.exit(1)


def read_settings(**overrides: str) -> Settings:
    """Return the settings of the environment and `.env`, or print every problem and end with 1."""
    try:
        return Settings.from_environ({**environ_with_dotenv(Path.cwd()), **overrides})
    except InvalidSettings as invalid:
        fail("The settings cannot be used:", *(f"  - {problem}" for problem in invalid.problems))


def require_demo_doors(settings: Settings) -> None:
    """End with 1 where demo doors do not exist; give an empty home its keys and demo clients."""
    if not settings.has_demo_doors:
        fail("This command exists only with EPACCS_ENV=demo or sandbox.")
    furnish(settings)


def furnish(settings: Settings) -> None:
    """Make keys and demo clients where demo doors exist and there are none; production makes nothing by itself."""
    if not settings.has_demo_doors or key_path(settings.keys).exists():
        return
    if settings.store.startswith("sqlite") and Path(settings.store.removeprefix("sqlite://")).exists():
        return  # records without their keys: with new ones everybody would look like a person without a plan
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    FileKeyRing.create(key_path(settings.keys))
    if not settings.clients.exists():
        make_demo_clients(settings.home)


def plain_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn the errors that an operator can mend into plain lines and exit code 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            lines = plain_lines(error)
            if not lines:
                raise
            fail(*lines)

    return run


def plain_lines(error: Exception) -> list[str]:
    """Return what to tell an operator of an error that can be mended; nothing for one that nobody foresaw."""
    if isinstance(error, InvalidConfiguration | InvalidPolicy):
        return ["A file cannot be used:", *(f"  - {problem}" for problem in error.problems)]
    if isinstance(error, SecurityError | StoreError | FhirProfilesError | OutsideError):
        return [str(error) or type(error).__name__]
    return []
