"""Cheap draws that depend on a seed, a number and a topic alone: no state, so person i is the same in any order.

`random.Random` costs ten microseconds to seed, more than half of what a whole identity may cost. A `Chance` is one
hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

_WHOLE = 1 << 32

Item = TypeVar("Item")


class Chance:
    """512 bits of chance to draw from. Enough for thirty draws; whoever needs more takes another topic."""

    __slots__ = ("_bits",)

    def __init__(self, seed: int, number: int, topic: str) -> None:
        self._bits = int.from_bytes(blake2b(f"{seed}:{number}:{topic}".encode()).digest(), "little")

    def below(self, end: int) -> int:
        """Return a whole number from 0 up to, without, `end`."""
        self._bits, drawn = divmod(self._bits, end)
        return drawn

    def share(self) -> float:
        """Return a number from 0 up to, without, 1."""
        return self.below(_WHOLE) / _WHOLE

    def happens(self, per_mille: int) -> bool:
        """Say yes `per_mille` times in a thousand."""
        return self.below(1000) < per_mille

    def one_of(self, items: Sequence[Item]) -> Item:
        """Return one of some things, each as likely as the other."""
        return items[self.below(len(items))]


def spread(shares: Sequence[tuple[Item, float]], size: int) -> tuple[Item, ...]:
    """Return a table of `size` places in which each item takes its share of places, for `Chance.one_of`.

    Shares need not sum to one. What is due to an item is rounded so that the sum is exact and nothing is lost.
    """
    total = sum(share for _, share in shares)
    table: list[Item] = []
    due = 0.0
    for item, share in shares:
        due += share / total * size
        table.extend([item] * (round(due) - len(table)))
    return tuple(table)
