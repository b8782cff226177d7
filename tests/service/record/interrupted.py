"""A store whose commits are preceded by something: what a writer in one process has to expect of the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from service.store.port import Commit, RecordStore


class Interrupted:
    """A store whose commits are preceded by something: a failure, or the commit of somebody else."""

    def __init__(self, store: RecordStore, *before: Callable[[Commit], Awaitable[None]]) -> None:
        self._store = store
        self._before = list(before)
        self.commits = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, commit: Commit) -> None:
        """Let the next interruption happen, then commit."""
        self.commits += 1
        if self._before:
            await self._before.pop(0)(commit)
        await self._store.commit(commit)


def lost(error: Exception) -> Callable[[Commit], Awaitable[None]]:
    """Return an interruption that fails the commit."""

    async def before(commit: Commit) -> None:
        raise error

    return before
