"""The invariants of `test_consent_properties` over 2,000 examples each, drawn from seeds.

Hypothesis shrinks what it finds and takes its time over each example; a seed costs next to nothing, so the ordinary run
can play many. A failure names its seed: `_played(name, seed)` is that example again.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis.errors import HypothesisDeprecationWarning, UnsatisfiedAssumption

from fhir_profiles.sections import Section, Tier
from security import cells
from security.access_request import Basis
from security.consent import AccessRequest, BreakGlass, ConsentState, Life, Relationship, SFlag
from security.principal import CLINICAL_ROLES, Purpose
from tests.security import test_consent_properties as properties
from tests.security.sharing import GLASS, PURPOSE_OF, consent, provision

EXAMPLES = 2_000
_LEAST_MEANT = 300
"""Examples of an invariant that must meet its own assumption: else little was tried."""
Json = dict[str, Any]
_LIMITS: dict[str, Callable[[Random], Any]] = {
    "sections": lambda chance: chance.choice(
        [("diagnoses",), ("cpr_decision",), ("mental_health", "allergies"), ("location",)]
    ),
    "tiers": lambda chance: chance.choice([("T2",), ("T1",), ("T4", "T6"), ("T7",)]),
    "org": lambda chance: chance.choice(properties.ORGANISATIONS),
    "role": lambda chance: chance.choice(["gp", "ambulance", "care_home"]),
    "person": lambda chance: chance.choice(["u1", "u2"]),
    "purposes": lambda chance: tuple(chance.sample(properties.PURPOSES, chance.randint(1, 2))),
    "start": lambda chance: chance.choice(properties.DATES),
    "end": lambda chance: chance.choice(properties.DATES),
}


def _limit(chance: Random) -> Json:
    return {name: draw(chance) for name, draw in _LIMITS.items() if chance.random() < 0.3}


def _kind(chance: Random) -> str:
    return chance.choice(["permit", "deny"])


def _tree(chance: Random, depth: int = 0) -> Json:
    nested = [_tree(chance, depth + 1) for _ in range(chance.choice([0, 0, 1, 2]))] if depth < 2 else []
    return provision(_kind(chance), *nested, **_limit(chance))


def _consents(chance: Random) -> list[Json]:
    return [consent(_tree(chance), id=f"c{position}") for position in range(chance.randint(0, 3))]


def _mostly(chance: Random, usual: Any, *others: Any) -> Any:
    return usual if chance.randint(0, 3) else chance.choice(others)


def _record(chance: Random) -> Json:
    return {
        "sflag": _mostly(chance, SFlag.UNRESTRICTED, *SFlag),
        "life": _mostly(chance, Life.ALIVE, *Life),
        "days_since_death": chance.choice([None, 0, 28, 29]),
        "owner_org": chance.random() < 0.5,
        "withheld": chance.choice([0, cells.row(Section.ADRT), cells.of_tier(Tier.T2), cells.of_tier(Tier.T5)]),
    }


def _request(chance: Random) -> AccessRequest:
    role = chance.choice(tuple(PURPOSE_OF))
    return AccessRequest(
        role=role,
        organisation=chance.choice(properties.ORGANISATIONS),
        purpose=_mostly(chance, PURPOSE_OF[role], *Purpose, None),
        user=chance.choice(["u1", "u2", None]),
        relationship=_mostly(chance, Relationship.ESTABLISHED, *Relationship, None),
        self_claim_reason=chance.choice([None, "called to the house"]),
        assurance=chance.randint(1, 3),
        break_glass=chance.choice([None, GLASS, BreakGlass(Basis.PUBLIC_INTEREST, "short", echo_matches=False)]),
        by_incident=chance.random() < 0.5,
        id="d",
    )


class _Data:
    """What a property draws in its middle: whole numbers, whose bounds the strategy is asked for."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def draw(self, strategy: Any) -> int:
        """Draw a number of `st.integers(least, most)`."""
        wrapped = strategy.wrapped_strategy
        return self._chance.randint(wrapped.start, wrapped.end)


_DRAWN: dict[str, Callable[[Random], Any]] = {
    "request": _request,
    "consents": _consents,
    "record": _record,
    "limit": _limit,
    "kind": _kind,
    "word": lambda chance: chance.choice([*Section, *Tier]),
    "people": lambda chance: [(_consents(chance), _record(chance)) for _ in range(chance.randint(0, 3))],
    "data": _Data,
    "seed": lambda chance: chance.randint(0, 2**16),
    "purpose": lambda chance: chance.choice(["HRESCH", "HPAYMT", "HMARKT", "HOPERAT", "PUBHLTH"]),
    "role": lambda chance: chance.choice(sorted(CLINICAL_ROLES)),
    "state": lambda chance: chance.choice(list(ConsentState)),
}
_UNKNOWN = "test_i15_unknown_words_are_denied"
INVARIANTS = sorted(name for name in vars(properties) if name.startswith("test_i"))


def _played(name: str, seed: int) -> bool:
    """Play one example; say whether it was what the property is about."""
    chance = Random(f"{name}:{seed}")
    inner = getattr(properties, name).hypothesis.inner_test
    names = inspect.signature(inner).parameters
    if name == _UNKNOWN:
        given: Json = {one: "".join(chance.choices("abcdefgTLPX_127", k=chance.randint(0, 8))) for one in names}
    else:
        given = {one: _DRAWN[one](chance) for one in names}
    try:
        with warnings.catch_warnings():
            # a property may say what it is about outside Hypothesis too; that this goes by its own means is no mistake
            warnings.simplefilter("ignore", HypothesisDeprecationWarning)
            inner(**given)
    except UnsatisfiedAssumption:
        return False
    except AssertionError as broken:
        raise AssertionError(f"{name} does not hold for seed {seed}") from broken
    return True


def test_every_invariant_of_the_decision_is_played() -> None:
    assert {name.split("_")[1] for name in INVARIANTS} == {
        *("i1", "i2", "i3", "i4", "i5", "i6", "i7", "i9", "i10", "i11", "i12", "i13", "i15")
    }


@pytest.mark.parametrize("name", INVARIANTS)
def test_it_holds_for_two_thousand_examples(name: str) -> None:
    assert sum(_played(name, seed) for seed in range(EXAMPLES)) >= _LEAST_MEANT
