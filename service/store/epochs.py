"""Epochs: the spans between two restores of a database. What is numbered jumps ahead when one begins.

A backup knows nothing of the numbers that were handed out after it was made. After a restore these would be handed out
a second time, for other content: a client's If-Match would name a version it never saw. So each epoch has a range of
numbers of its own, wide enough that no epoch uses all of it; epoch 0 is that of a database that was never restored.
"""

from __future__ import annotations

from dataclasses import dataclass

NUMBERS = 1_000_000_000
"""Sequences of one record, turns of one lease, and deliveries that an epoch may hand out."""
MOST = 999
"""Epochs there can be: ids of deliveries are ordered by sequences of twelve digits."""


@dataclass(frozen=True, slots=True)
class StoredEpoch:
    """An epoch that began with a restore. `statement` says of which state and when, signed; the store only keeps it."""

    number: int
    statement: bytes


def start_of(number: int) -> int:
    """Return the first number of an epoch."""
    if not 0 <= number <= MOST:
        raise ValueError("no such epoch")
    return number * NUMBERS


def next_after(sequence: int, number: int) -> int:
    """Return the sequence of the commit behind `sequence` in epoch `number`."""
    return max(sequence + 1, start_of(number))


def epoch_of(sequence: int) -> int:
    """Return the epoch in which a number was handed out."""
    return sequence // NUMBERS
