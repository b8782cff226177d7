"""One-line changes that make the evaluator wrong, each a slip that a hurried hand could make; tests catch every one.

`python -m tests.security.seeded_defects NUMBER` loads the evaluator with one of them and asks it the decision table,
or, where the slip is in matching Consents, runs their tests. It exits with 1 when something noticed, with 0 when
nothing did. Number 0 is no defect.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
SECURITY = HERE.parents[1] / "security"
MATCHING = "consent_match.py"


class Defect(NamedTuple):
    """A file of `security`, a line of it as it stands, and what stands there instead."""

    what: str
    file: str
    right: str
    wrong: str


DEFECTS = (
    Defect(
        "a dissent does not bar who is not the holder",
        "consent.py",
        "    if facts.owner_org or request.role == Role.PROXY:",
        "    if not facts.owner_org or request.role == Role.PROXY:",
    ),
    Defect(
        "emergency access opens an absolute refusal",
        "consent.py",
        "(request.break_glass is None or sharing.state == ConsentState.DISSENT_ABSOLUTE):",
        "request.break_glass is None:",
    ),
    Defect(
        "a very restricted record is served",
        "consent.py",
        "    elif facts.sflag != SFlag.UNRESTRICTED:",
        "    elif facts.sflag == SFlag.UNRESTRICTED and facts.life not in _LIVES:",
    ),
    Defect(
        "location stays open under an S-flag",
        "consent.py",
        "        opened &= ~cells.LOCATION",
        "        opened &= cells.ALL",
    ),
    Defect(
        "the decision group opens by halves",
        "consent.py",
        "        opened &= ~cells.DECISION_GROUP_ROWS",
        "        opened &= cells.ALL",
    ),
    Defect(
        "conditions go on opening after a formal death",
        "consent.py",
        "explicit = cells.NONE if facts.life == Life.FORMAL_DEATH else sharing.explicit",
        "explicit = sharing.explicit",
    ),
    Defect(
        "the last day after a death is one too few",
        "consent.py",
        "days <= policy.settings.days_after_death",
        "days < policy.settings.days_after_death",
    ),
    Defect(
        "permits win over denials across Consents",
        "consent_match.py",
        "    reachable = (granted if limits else cells.ALL) & ~denied & _GOVERNED",
        "    reachable = (granted if limits else cells.ALL) & ~(denied & ~granted) & _GOVERNED",
    ),
    Defect(
        "a single factor is enough to break glass",
        "break_glass.py",
        "    if request.assurance < MINIMUM_ASSURANCE:",
        "    if request.assurance < 1:",
    ),
    Defect(
        "the identity that was repeated is not looked at",
        "consent.py",
        "request.break_glass.echo_matches is not True",
        "request.break_glass.echo_matches is None",
    ),
    Defect(
        "a claimed relationship reaches a restricted record",
        "consent.py",
        "        if request.relationship == Relationship.SELF_CLAIMED and request.break_glass is None:",
        "        if request.relationship == Relationship.SELF_CLAIMED and request.break_glass is not None:",
    ),
    Defect(
        "what the law restricts opens in an emergency",
        "access_policy.py",
        "with_break_glass=cells.opened_by(emergency) & within & ~cells.RESTRICTED_BY_LAW,",
        "with_break_glass=cells.ALL,",
    ),
    Defect(
        "a refusal after the look-up says forbidden",
        "consent.py",
        "    status: Literal[403, 404] = 404,",
        "    status: Literal[403, 404] = 403,",
    ),
    Defect(
        "a Consent goes on after its period",
        "consent_match.py",
        "(consent.end is None or now < consent.end)",
        "(consent.end is None or now <= consent.end or consent.end)",
    ),
    Defect(
        "an older permission that arrives now opens",
        "consent_match.py",
        "    return [(consent, position not in muted) for",
        "    return [(consent, True) for",
    ),
    Defect(
        "what is permitted in emergencies alone needs no incident",
        "consent_match.py",
        "        if (provision.in_emergencies_only and not request.by_incident) or not (",
        "        if not (",
    ),
)
"""Those of the rules that would hurt most; each line is where the rule is carried out."""


def plant(defect: Defect) -> None:
    """Put a defect into the modules of `security` that are yet to be loaded."""
    path = SECURITY / defect.file
    text = path.read_text()
    if text.count(defect.right) != 1:
        raise LookupError(f"{defect.file} no longer has this line once: {defect.right.strip()}")
    name = f"security.{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    exec(compile(text.replace(defect.right, defect.wrong), str(path), "exec"), module.__dict__)  # noqa: S102 - its use


def main(number: int) -> int:
    """Run what should notice; return the exit code."""
    defect = DEFECTS[number - 1] if number else None
    if defect is not None:
        plant(defect)
    if defect is not None and defect.file == MATCHING:
        import pytest

        tests = [str(HERE / name) for name in ("test_consent_rules.py", "test_consent_times.py")]
        return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))
    from tests.security.test_decision_table import lines, test_what_comes_of_it_is_what_the_rules_say

    try:
        for line in lines():
            test_what_comes_of_it_is_what_the_rules_say(line)
    except AssertionError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
