"""Whatever is lost, refused or crashes, and whenever: in the end the recipient has the message once, and whole."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import OutsideError
from tests.adapters.mesh_small import THEIRS, Crash, World, busy, down, gateway, letter, lost, unheard

FAULTS = st.lists(st.sampled_from([None, None, lost, gateway, unheard, down, busy]), max_size=8)
CRASHES = st.lists(st.sampled_from(["", "", "", "before", "after"]), max_size=12)
PAUSES = st.lists(st.integers(0, 15), min_size=1, max_size=5)


@given(FAULTS, CRASHES, PAUSES, st.integers(1, 2600), st.booleans())
def test_a_message_arrives_once_and_whole(faults, crashes, pauses, length, packed):
    world = World()
    world.mesh.faults.extend(faults)
    world.intents.crashes.extend(crashes)
    content = bytes(number % 251 for number in range(length))

    async def go() -> None:
        for attempt in range(40):
            world.mailbox = world.start()  # another process
            with suppress(OutsideError, Crash):
                await world.outbox(chunk=1000 + attempt).send(letter(content, gzip=packed))
                break
            world.time.pass_by(minutes=pauses[attempt % len(pauses)] if attempt < 30 else 15)
        await world.outbox().send(letter(content, gzip=packed))

    asyncio.run(go())
    assert [one.content for one in world.mesh.waiting(THEIRS)] == [content]
    assert [one for one in world.mesh.held.values() if one.status != "accepted"] == []
