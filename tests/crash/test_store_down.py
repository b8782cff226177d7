"""The database server is killed, or stops answering, under a running service, and comes back."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from security.assertions import Asserted
from security.principal import Purpose, Role
from tests.crash.faults import Trial
from tests.crash.places import serving
from tests.journeys.people import DR_TESTWICK, ask_for_token
from tests.peers.mongo_servers import MongoServer, available
from tests.running import Running

Fault = Callable[[MongoServer], AbstractContextManager[None]]


@contextmanager
def killed(server: MongoServer) -> Iterator[None]:
    """Kill the server and start it again on the same folder."""
    server.kill()
    yield
    server.start()


@contextmanager
def silent(server: MongoServer) -> Iterator[None]:
    """Let the server keep its connections and say nothing."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def no_token(service: Running) -> None:
    """Fail unless a client that asks for a token is told to ask again."""
    answer = ask_for_token(service, "demo-gp", Asserted("ZZGP01", Role.GP, Purpose.TREAT, DR_TESTWICK))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5"), answer.text
    assert answer.json()["error"] == "temporarily_unavailable"


@pytest.mark.parametrize("fault", [killed, silent])
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.nightly if number else ())
        for number, kind in enumerate(sorted(available(), key=lambda kind: kind == "ferretdb"))  # the slowest
    ],
)
def test_a_server_that_is_away(kind: str, fault: Fault, tmp_path: Path) -> None:
    with (
        MongoServer(kind, tmp_path / "server") as server,
        serving(tmp_path / "home", {"EPACCS_STORE": server.url("records")}) as service,
    ):
        trial = Trial(service)
        trial.begin()
        with fault(server):
            trial.is_refused_while_it_lasts()
            no_token(service)
        trial.comes_back_by_itself()
