"""Our transport against the MESH server of its makers, with their client on the other side, over mutual TLS."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.errors import Conflict, NotAuthorised, NotSent, NotThere, Overloaded, PersonUnknown, Unreachable
from adapters.mesh import Mailbox
from adapters.mesh_inbox import Inbox
from adapters.mesh_outbox import Outbox
from adapters.mesh_outgoing import Outgoing
from adapters.mesh_received import Delivery, Kind
from adapters.mesh_settings import MeshSettings, mailbox_of, problems_of
from security.clock import system_clock
from tests.adapters.certificates import Authority
from tests.adapters.mesh_front import Fault, Front, serving
from tests.adapters.mesh_rules import Known, Rules
from tests.adapters.mesh_small import MemoryIntents, Time
from tests.peers.mesh_sandbox import MAILBOXES, PASSWORD, SHARED_KEY, Sandbox, sandbox

pytestmark = pytest.mark.peer
OURS, THEIRS, _ = MAILBOXES
WORKFLOW = "TEST_WORKFLOW"
CONTENT = bytes(range(256)) * 300


@dataclass(slots=True)
class Place:
    """The server, the rules before it that it does not keep itself, and our description."""

    sandbox: Sandbox
    folder: Path
    rules: Rules
    front: Front
    time: Time
    intents: MemoryIntents = field(default_factory=MemoryIntents)

    @asynccontextmanager
    async def mailbox(self, base: str = "") -> AsyncIterator[Mailbox]:
        """Open our mailbox as a process that has just begun, at the front or elsewhere."""
        settings = MeshSettings(
            base=base or self.front.base,
            mailbox=OURS,
            password_file="password",
            shared_key_file="shared-key",
            certificate_file=self.sandbox.ours.certificate.name,
            key_file=self.sandbox.ours.key.name,
            ca_file=self.sandbox.ca.name,
        )
        assert list(problems_of(settings, self.folder.joinpath)) == []
        found = mailbox_of(settings, self.folder.joinpath, self.time, 20.0)
        try:
            yield found
        finally:
            await found.close()

    async def send(self, content: bytes = CONTENT, key: str = "k1", chunk: int = 20_000, **more: Any) -> str:
        """Send as a process that has just begun."""
        to, workflow = more.pop("to", THEIRS), more.pop("workflow", WORKFLOW)
        async with self.mailbox() as mailbox:
            return await Outbox(mailbox, self.intents, chunk).send(Outgoing(key, to, workflow, content, **more))

    def arrived(self) -> list[bytes]:
        """Return what the other side gets, by the makers' client."""
        found = self.sandbox.other_side("receive", acknowledge=False)
        return [base64.b64decode(one["content"]) for one in found["messages"]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Authority, Path]]:
    folder = tmp_path_factory.mktemp("mesh")
    authority = Authority(folder)
    for name, text in (("password", PASSWORD), ("shared-key", SHARED_KEY)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    with sandbox(folder, authority.certify("mesh.test"), authority.certify("ours"), authority.ca) as found:
        yield found, authority, folder


@pytest.fixture
def place(running: tuple[Sandbox, Authority, Path]) -> Iterator[Place]:
    found, authority, folder = running
    found.empty()
    now = Time()
    now.now = system_clock()  # their client has the machine's
    rules = Rules(now, dict.fromkeys(MAILBOXES, PASSWORD), SHARED_KEY, {WORKFLOW})
    rules.people["9990000018"] = Known("19400101", "SMITH", THEIRS)
    behind = httpx.AsyncHTTPTransport(verify=found.tls(), limits=httpx.Limits(max_keepalive_connections=0))
    with serving(Front(behind, found.base, rules), authority.certify("front.test"), authority.ca) as front:
        yield Place(found, folder, rules, front, now)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("chunk", [20_000, 1_000_000])
async def test_their_client_gets_what_we_send(place: Place, packed: bool, chunk: int):
    sent = await place.send(chunk=chunk, gzip=packed, subject="a plan", content_type="application/fhir+xml")
    found = place.sandbox.other_side("receive", acknowledge=True)["messages"]
    assert [(one["id"], base64.b64decode(one["content"])) for one in found] == [(sent, CONTENT)]
    headers = found[0]["headers"]
    assert (headers["from"], headers["workflowid"], headers["subject"]) == (OURS, WORKFLOW, "a plan")
    async with place.mailbox() as mailbox:
        stands = await Outbox(mailbox, place.intents, chunk).track(sent)
    assert stands.delivery is Delivery.COLLECTED


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("chunk", [20_000, 1_000_000])
async def test_we_get_what_their_client_sends(place: Place, compress: bool, chunk: int):
    more = {"workflow_id": WORKFLOW, "local_id": "their-id", "content_type": "application/fhir+xml"}
    sent = place.sandbox.other_side(
        "send", base=place.front.base, to=OURS, content=CONTENT, chunk=chunk, compress=compress, headers=more
    )["id"]
    async with place.mailbox() as mailbox:
        inbox = Inbox(mailbox, 1_000_000)
        assert (await inbox.waiting()).ids == (sent,)
        found = await inbox.collect(sent)
        assert (found.content, found.kind, found.sender, found.workflow) == (CONTENT, Kind.DATA, THEIRS, WORKFLOW)
        assert (found.local_id, found.content_type) == ("their-id", "application/fhir+xml")
        assert await mailbox.count() == 1  # collected is not acknowledged
        await inbox.acknowledge(sent)
        await inbox.acknowledge(sent)
        assert await mailbox.count() == 0


@pytest.mark.parametrize("fault", ["lost", "gateway"])
@pytest.mark.parametrize("at", [0, 1, 3])
async def test_whichever_answer_is_lost_it_arrives_once(place: Place, fault: Fault, at: int):
    place.front.faults.extend([*[""] * at, fault])  # type: ignore[list-item]
    with pytest.raises((Unreachable, Overloaded)):
        await place.send()
    await place.send()
    assert place.arrived() == [CONTENT]
    assert place.front.asked.count("POST outbox") == 1


async def test_a_lost_request_is_posted_again_when_it_is_settled(place: Place):
    place.front.faults.append("unheard")
    with pytest.raises(Unreachable):
        await place.send()
    with pytest.raises(Unreachable):
        await place.send()
    place.time.pass_by(minutes=11)
    await place.send()
    assert place.arrived() == [CONTENT]


async def test_two_of_one_local_id_are_for_a_person(place: Place):
    for key in ("a", "b"):
        await place.send(key=key, local_id="ZZ1", chunk=1_000_000)
    place.front.faults.append("lost")
    for _ in range(2):
        with pytest.raises((Unreachable, Conflict)):
            await place.send(local_id="ZZ1", chunk=1_000_000)
    assert len(place.arrived()) == 3


async def test_pages_of_the_inbox_are_followed(place: Place):
    async with place.mailbox() as mailbox:
        outbox = Outbox(mailbox, place.intents, 1000)
        for number in range(23):
            await outbox.send(Outgoing(f"k{number}", OURS, WORKFLOW, b"x"))
        inbox, following, found = Inbox(mailbox, 1000), "", list[str]()
        while True:
            page = await inbox.waiting(page=10, following=following)
            found += page.ids
            following = page.more
            if not following:
                break
    assert len(found) == len(set(found)) == 23


async def test_a_report_is_read(place: Place):
    sent = await place.send()
    said = {
        "mailbox_id": OURS,
        "code": "14",
        "description": "not collected",
        "workflow_id": WORKFLOW,
        "linked_message_id": sent,
    }
    assert place.sandbox.admin("report", said).status_code == 200
    async with place.mailbox() as mailbox:
        inbox = Inbox(mailbox, 1000)
        (waiting,) = (await inbox.waiting()).ids
        found = await inbox.collect(waiting)
        await inbox.acknowledge(waiting)
    assert (found.kind, found.content) == (Kind.REPORT, b"")
    assert found.report is not None
    assert (found.report.about, found.report.code) == (sent, "14")
    assert isinstance(found.report.failure, NotThere)


@pytest.mark.parametrize(
    ("more", "fact", "code"),
    [
        ({"to": "ZZ9NOBODY"}, NotThere, "12"),  # the sandbox's own no
        ({"workflow": "ZZ_UNKNOWN"}, NotAuthorised, "17"),
        ({"to": "GPPROVIDER_9990000026_19400101_SMITH"}, PersonUnknown, "EPL-153"),
    ],
)
async def test_a_refusal_is_a_fact_and_may_be_mended(place: Place, more: dict[str, Any], fact, code: str):
    with pytest.raises(fact) as caught:
        await place.send(**more)
    assert caught.value.issues[0].code == code
    await place.send(to="GPPROVIDER_9990000018_19400101_SMITH")
    assert place.arrived() == [CONTENT]


async def test_a_time_that_is_old_is_refused_and_mended_by_the_clock(place: Place):
    place.time.pass_by(hours=3)
    place.rules.clock = system_clock
    async with place.mailbox() as mailbox:
        with pytest.raises(NotAuthorised):
            await mailbox.validate()
    place.rules.clock = place.time
    async with place.mailbox() as mailbox:
        await mailbox.validate()


async def test_what_is_gone_is_not_there(place: Place):
    sent = await place.send(to=OURS)
    place.rules.gone.add(sent)
    async with place.mailbox() as mailbox:
        for name in (sent, "NEVERWAS"):
            with pytest.raises(NotThere):
                await Inbox(mailbox, 1_000_000).collect(name)


async def test_the_sandbox_itself_takes_our_sign_in_and_knows_mailboxes(place: Place):
    async with place.mailbox(place.sandbox.base) as mailbox:
        await mailbox.validate()
        assert await mailbox.look_up("X26", WORKFLOW) == (THEIRS,)
    (place.folder / "password").write_text("wrong")
    try:
        async with place.mailbox(place.sandbox.base) as mailbox:
            with pytest.raises(NotAuthorised):
                await mailbox.validate()
    finally:
        (place.folder / "password").write_text(PASSWORD)


def test_the_sandbox_wants_a_certificate(place: Place):
    without = ssl.create_default_context(cafile=place.sandbox.ca)
    with httpx.Client(verify=without) as client, pytest.raises(httpx.TransportError):
        client.get(f"{place.sandbox.base}/messageexchange/_ping")


async def test_where_the_front_is_gone_nothing_was_sent(place: Place):
    async with place.mailbox("https://127.0.0.1:1") as mailbox:
        with pytest.raises(NotSent):
            await Outbox(mailbox, place.intents, 1000).send(Outgoing("k1", THEIRS, WORKFLOW, CONTENT))
    await place.send()
    assert place.arrived() == [CONTENT]
