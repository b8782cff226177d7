"""Rounds of traffic, a kill at a random moment, a restart on the same home, and a look at what is there.

One start of the service serves two purposes: it is checked for what the round before left, then driven and killed.
After every second kill some deliveries that wait are done, as a relay would get them done, and must never come back.
The seed fixes what is asked, after how many requests the kill comes and what is killed. What the threads of that moment
had in flight is the machine's choice, so a seed leads to the same kind of moment and not to the same instruction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from tests.crash.audit_look import AuditLook
from tests.crash.checking import Checker
from tests.crash.delivery_look import DeliveryLook
from tests.crash.ledger import Ledger
from tests.crash.places import Place, kill, kill_later, kill_one
from tests.crash.traffic import CLIENTS, Client
from tests.running import Running

MOST_SENT = 25
"""A kill comes at the latest when so many requests of a round were sent; on servers, a third of it."""
PEOPLE_A_ROUND = 400


def play(store: str, rounds: int, seed: int, folder: Path) -> Ledger:
    """Play rounds on one home and return what the clients know at the end; fail with the seed and the round."""
    random = Random(f"{store}:{seed}")
    place, ledger = Place(store, folder), Ledger()
    looks: tuple[AuditLook, DeliveryLook] | None = None
    number = 0
    try:
        for number in range(rounds + 1):
            if random.random() < 0.15:
                place.start_and_kill(random.uniform(0.1, 1.2))
            with place.running() as service:
                looks = looks or (AuditLook(service.settings), DeliveryLook(service.settings))
                _check(Checker(service, ledger, *looks), everything=number == rounds)
                if number < rounds:
                    _drive(service, ledger, place, random, f"{store}:{seed}:{number}", 10_000 + number * PEOPLE_A_ROUND)
            if number % 2:  # else the service itself is the first to open what the kill left behind
                looks[1].get_some_done(Random(f"{store}:{seed}:{number}:done"))
    except BaseException as failure:
        failure.add_note(f"store {store}, seed {seed}, round {number}, state in {folder}")
        raise
    finally:
        place.close()
    return ledger


def _check(checker: Checker, *, everything: bool) -> None:
    checker.after_a_crash()
    if everything:
        checker.everything()
    assert not checker.problems, "\n".join(checker.problems)


def _drive(service: Running, ledger: Ledger, place: Place, random: Random, seed: str, first: int) -> None:
    """Let the clients work until the kill, and until each has noticed it."""
    step = PEOPLE_A_ROUND // CLIENTS
    clients = [Client(service, ledger, n, f"{seed}:{n}", first + n * step) for n in range(CLIENTS)]
    trigger = threading.Event()
    server = place.server
    ledger.after(random.randint(1, MOST_SENT if server is None else MOST_SENT // 3), trigger.set)
    delay = random.uniform(0, 0.02 if server is None else 0.15)
    deaths = random.choice(_deaths(service, place))
    for client in clients:
        client.start()
    kill_later(trigger, delay, deaths)
    if server is not None and not server.runs:
        server.start()
    if service.process.poll() is None:
        # A part was away for a while. The clients have gone on asking; now they shall be answered again.
        again = threading.Event()
        ledger.after(CLIENTS * 3, again.set)
        kill_later(again, delay, [lambda: kill(service.process)])
    for client in clients:
        client.join(timeout=60)
        assert not client.is_alive(), "a client waits for an answer of a service that is dead"


def _deaths(service: Running, place: Place) -> list[list[Callable[[], None]]]:
    """Return the ways to die that a place has: each is what is killed, in order."""
    everything = partial(kill, service.process)
    if place.server is not None:
        server = place.server.kill
        return [[everything], [server, everything], [everything, server], [server]]
    if place.workers:
        writer, worker = (partial(kill_one, service.process, what) for what in ("service.writer", "spawn_main"))
        return [[everything], [writer], [worker]]
    return [[everything]]
