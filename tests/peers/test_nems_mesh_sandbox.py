"""Events of NEMS out of the MESH server of its makers, sent by their client, over mutual TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.nems import NemsAdapter
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from security.clock import system_clock
from service.people.invented import nhs_number
from tests.adapters.certificates import Authority
from tests.adapters.mns_world import private
from tests.adapters.nems_world import described
from tests.peers.mesh_sandbox import MAILBOXES, PASSWORD, SHARED_KEY, Sandbox, sandbox
from tests.standins.events import GP, nems

pytestmark = pytest.mark.peer
OURS, THEIRS, _ = MAILBOXES
ONE, OTHER = nhs_number(1), nhs_number(2)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path]]:
    folder = tmp_path_factory.mktemp("nems")
    authority = Authority(folder)
    for name, text in (("password", PASSWORD), ("shared-key", SHARED_KEY)):
        private(folder / name, text)
    with sandbox(folder, authority.certify("mesh.test"), authority.certify("ours"), authority.ca) as found:
        yield found, folder


@pytest.mark.parametrize("compress", [True, False])
async def test_events_that_their_client_sent_are_offered_and_acknowledged(
    running: tuple[Sandbox, Path], compress: bool
):
    there, folder = running
    there.empty()
    for content, workflow in (
        (nems(ONE, GP, sent="2026-11-01T12:00:00Z", bundle="b1"), "CHANGEOFGP_1"),
        (nems(OTHER, sent="2026-11-01T11:00:00Z", bundle="b2"), "DEATHNOTIFICATION_1"),
        (b"an acknowledgement", "GPCONNECT_SEND_DOCUMENT_ACK"),
    ):
        more = {"workflow_id": workflow, "content_type": "application/fhir+xml"}
        there.other_side("send", THEIRS, to=OURS, content=content, chunk=1_000, compress=compress, headers=more)
    partner = described(folder, base=there.base, mailbox=OURS)
    adapter = kind_of(partner).adapter(partner, Surroundings(system_clock, "https://ours.test/fhir", b""))
    assert isinstance(adapter, NemsAdapter)
    messages = (await adapter.poll("")).messages
    assert [adapter.about(one)[0].nhs_number for one in messages] == [OTHER, ONE], "the older is first"
    for message in messages:
        await adapter.settled(message)
    await adapter.close()
    left = there.other_side("receive", OURS, acknowledge=False)["messages"]
    assert [one["headers"]["workflowid"] for one in left] == ["GPCONNECT_SEND_DOCUMENT_ACK"]
