"""What people tell the process that serves a partner to do; it does so within a second or two, wherever it runs.

They are put on the partner's page and taken off it when they are done. To put something aside, or to pause a partner,
is no order: it is said on the page itself.
"""

from __future__ import annotations

from enum import StrEnum

from service.sync.board import Board, PartnerState
from service.sync.serving import Serving

MOST_ORDERS = 100


class Command(StrEnum):
    """What can be ordered."""

    RETRY = "retry"
    """Try a stopped lane again; without an id, all of them and the partner itself, now."""
    REPLAY = "replay"
    """Translate a parked message again, as it came; without an id, all of them."""


def add_order(state: PartnerState, command: Command, id: str = "") -> bool:
    """Put an order on a partner's page; False where it is there already, and stays one order."""
    if (command.value, id) in state.orders:
        return False
    state.orders = [*state.orders[-(MOST_ORDERS - 1) :], (command.value, id)]
    return True


async def order(board: Board, partner: str, command: Command, id: str = "") -> None:
    """Order something of whoever serves a partner."""
    await board.change(partner, lambda state: add_order(state, command, id))


def carry_out(command: str, id: str, serving: Serving) -> None:
    """Do what was ordered. What is not there any more needs nothing."""
    if command == Command.REPLAY:
        serving.replays.add(id)
        return
    if not id:
        serving.circuit.try_now()
    for lane in [bytes.fromhex(id)] if id else list(serving.stopped):
        serving.lanes.release(lane)
