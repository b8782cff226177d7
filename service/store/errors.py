"""What a store may raise; facts, without any content."""

from __future__ import annotations


class StoreError(Exception):
    """Root of what a store may raise.

    StoreError
     +- SequenceTaken      another commit took this sequence: run the use case again on the fresh record
     +- ClaimTaken         a token that must be unique belongs to another record
     +- AlreadyRemembered  an answer under this key is there already (idempotent repetition)
     +- StoreUnavailable   nothing was read or written; trying again later may help
    """


class SequenceTaken(StoreError):
    """Another commit reached this sequence of the record first."""


class ClaimTaken(StoreError):
    """A unique token of the commit belongs to the record `holder`."""

    def __init__(self, holder: bytes) -> None:
        super().__init__("a unique token belongs to another record")
        self.holder = holder


class AlreadyRemembered(StoreError):
    """The key of a remembered answer is taken; the first answer stands."""


class StoreUnavailable(StoreError):
    """The database cannot answer now. Callers say 503, never an empty plan."""
