"""The board of partners as this process of the tests reads it: a command each time would take a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from service.cli.sync_words import as_json
from service.opening import open_service
from service.settings import Settings
from service.sync.board import Board
from service.sync.standing import Standing

Json = dict[str, Any]


def board_until(
    settings: Settings, wanted: Callable[[dict[str, Json]], bool], within: float, *, empty: bool = False
) -> dict[str, Json]:
    """Look until each partner, by name, stands as wanted; `epaccs sync status --json` says the same of each.

    `empty`: and until no delivery is left in the store. The board is written once a second, and may say so too early.
    """

    async def look() -> dict[str, Json]:
        opened = await open_service(settings)
        try:
            board = Board.of(opened.records)
            deadline = time.monotonic() + within
            while True:
                found = {}
                for member in opened.members:
                    state, troubles = await board.state(member.name), await board.troubles(member.name)
                    found[member.name] = as_json(Standing(member, state, troubles, opened.clock()))
                if wanted(found) and not (empty and await opened.store.waiting(b"", 1)):
                    return found
                assert time.monotonic() < deadline, found
                await asyncio.sleep(0.05)  # another process works meanwhile
        finally:
            await opened.store.close()

    return asyncio.run(look())
