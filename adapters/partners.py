"""Descriptions of partners: one JSON file each, judged whole before anything is sent.

A description says what kind of system it is and where, as which registered client it acts here, what may be sent to
it at most, and who is to be told when something does not arrive. It holds no secret: credentials are named by file.
What the members of each kind mean is in `docs/integrating.md`; a kind checks its own `settings` (`adapters.registry`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fhir_profiles.identifiers import is_ods_code
from fhir_profiles.sections import Section
from security.errors import InvalidConfiguration

_NAME = re.compile(r"[a-z][a-z0-9-]{1,31}")
PERSON_ELEMENTS = frozenset(
    {"telecom", "address", "contact", "communication", "generalPractitioner", "deceasedBoolean", "deceasedDateTime"}
)
"""What a partner can be let change of a person: where and how to reach them, and that they died. Never who they are."""
ASKED = frozenset({"pds"})
"""Kinds that are asked about one person when there is a reason to: nothing is given to them, and they send no news."""
SECTION_WORDS = frozenset(section.value for section in Section)


class Owner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who answers for a partner here, and is told when something does not reach it."""

    name: str
    organisation: str


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast a partner may be spoken to. Seconds; `retry_base` and `retry_cap` are those of the back-off."""

    parallel: int = 8
    timeout: float = 30.0
    retry_base: float = 1.0
    retry_cap: float = 300.0
    poll_every: float = 60.0


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One partner, as its file says.

    `client` is the registered client that the partner is here, for what it is given and what it sends. `people` says
    whose changes it may hear of: `related` (its organisation has a relationship with the person) or `locality` (those
    whose place of care lies in `locality`, or anybody's without one); the decision is made at sending all the same.
    `sections` are the most that it is given; empty: whatever the rules open. `sends`: what it sends is taken in.
    `gets`: it is given changes. `removal_days` is how long it may take to confirm a removal.
    `person` are elements of the Patient that it may change (`telecom`, `address`, ...). `notices`: it carries notices
    of emergency reads to people, of its `locality` or, without one, of all whom no other carries them to.
    """

    name: str
    kind: str
    title: str
    client: str
    owner: Owner
    locality: str = ""
    people: str = "related"
    gets: bool = True
    sends: bool = False
    sections: tuple[str, ...] = ()
    mapping: str = ""
    limits: Limits = Limits()
    removal_days: int = 5
    person: tuple[str, ...] = ()
    notices: bool = False
    settings: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Partner:
    """A description and the folder that its file names are relative to."""

    description: Description
    folder: Path

    @property
    def name(self) -> str:
        """The partner's name: a word for people, pages and commands; unique in a deployment."""
        return self.description.name

    def file(self, name: str) -> Path:
        """Return the path of a file that the description names."""
        return self.folder / name


def load_partners(folder: Path) -> list[Partner]:
    """Read every `*.json` of a folder, in order of name; raise InvalidConfiguration with all problems of all files."""
    partners, problems = read_partners(folder)
    if problems:
        raise InvalidConfiguration(problems)
    return list(partners.values())


def read_partners(folder: Path) -> tuple[dict[str, Partner], list[str]]:
    """Return the descriptions of a folder that can be read, by the name of their file, and what is wrong with any.

    Raise InvalidConfiguration for a folder that cannot be read.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise InvalidConfiguration([f"the folder of partners cannot be read ({error.strerror})"]) from None
    partners: dict[str, Partner] = {}
    problems: list[str] = []
    for path in paths:
        try:
            partners[path.name] = read_partner(path)
        except InvalidConfiguration as error:
            problems += [f"{path.name}: {problem}" for problem in error.problems]
    return partners, problems + _twice(partners.values())


def read_partner(path: Path) -> Partner:
    """Read one description; raise InvalidConfiguration with every problem of it."""
    try:
        description = msgspec.json.decode(path.read_bytes(), type=Description)
    except OSError as error:
        raise InvalidConfiguration([f"cannot be read ({error.strerror})"]) from None
    except msgspec.MsgspecError as error:
        raise InvalidConfiguration([str(error)]) from None
    problems = list(_problems(description))
    if problems:
        raise InvalidConfiguration(problems)
    return Partner(description, path.parent)


def _problems(one: Description) -> Iterable[str]:
    limits = one.limits
    checks = {
        "`name` is 2 to 32 lower-case letters, digits or `-`": _NAME.fullmatch(one.name) is not None,
        "`title` is 1 to 120 characters": 0 < len(one.title) <= 120 and one.title.isprintable(),
        "`owner.name` is 1 to 120 characters": 0 < len(one.owner.name) <= 120 and one.owner.name.isprintable(),
        "`owner.organisation` is an ODS code": is_ods_code(one.owner.organisation),
        "`people` is `related` or `locality`": one.people in ("related", "locality"),
        "`limits.parallel` is 1 to 64": 1 <= limits.parallel <= 64,
        "`limits.timeout` is 0.1 to 300 seconds": 0.1 <= limits.timeout <= 300,
        "`limits.retry_base` is 0.01 to 60 seconds": 0.01 <= limits.retry_base <= 60,
        "`limits.retry_cap` is `retry_base` to a day": limits.retry_base <= limits.retry_cap <= 86_400,
        "`limits.poll_every` is 0.1 seconds to a day": 0.1 <= limits.poll_every <= 86_400,
        "`removal_days` is 1 to 60": 1 <= one.removal_days <= 60,
        "it `gets` or `sends`, or carries `notices`": one.gets or one.sends or one.notices or one.kind in ASKED,
        # It learns NHS numbers, and is told of no plan by the keyed id that stands for the same person.
        "what carries `notices` neither `gets` nor `sends`": not one.notices or not (one.gets or one.sends),
    }
    yield from (rule for rule, holds in checks.items() if not holds)
    unknown = [name for name in one.person if name not in PERSON_ELEMENTS]
    yield from (f"`person` names `{name}`, which a partner may not change" for name in unknown)
    yield from (f"`sections` names `{word}`, which is no section" for word in one.sections if word not in SECTION_WORDS)


def _twice(partners: Iterable[Partner]) -> list[str]:
    counted = Counter(one.name for one in partners)
    return [f"{name} is described twice" for name, times in counted.items() if times > 1]
