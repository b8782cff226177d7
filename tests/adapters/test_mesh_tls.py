"""The transport on a real socket: mutual TLS by files, settings that are judged, answers that are cut."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import pytest

from adapters.errors import NotSent, Overloaded, Unreachable
from adapters.mesh import Mailbox
from adapters.mesh_inbox import Inbox
from adapters.mesh_outbox import Outbox
from adapters.mesh_settings import MeshSettings, mailbox_of, problems_of
from tests.adapters.certificates import Authority
from tests.adapters.mesh_front import Fault, Front, serving
from tests.adapters.mesh_small import OURS, PASSWORD, SHARED_KEY, THEIRS, MemoryIntents, SmallMesh, Time, letter
from tests.running import free_port


@dataclass(slots=True)
class Place:
    """A MESH behind a front, and the folder of our description."""

    folder: Path
    mesh: SmallMesh
    front: Front
    time: Time

    def settings(self, **more) -> MeshSettings:
        return msgspec.structs.replace(
            MeshSettings(
                base=self.front.base,
                mailbox=OURS,
                password_file="password",
                shared_key_file="shared-key",
                certificate_file="ours.pem",
                key_file="ours.key",
                ca_file="Authority-of-the-tests.pem",
                chunk=100_000,
            ),
            **more,
        )

    def file(self, name: str) -> Path:
        return self.folder / name

    @asynccontextmanager
    async def mailbox(self, **more) -> AsyncIterator[Mailbox]:
        found = mailbox_of(self.settings(**more), self.file, self.time, 10.0)
        try:
            yield found
        finally:
            await found.close()

    def problems(self, **more) -> list[str]:
        return list(problems_of(self.settings(**more), self.file))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    authority = Authority(tmp_path)
    for name in ("ours", "mesh.test"):
        authority.certify(name)
    Authority(tmp_path, "Another authority").certify("strangers")
    for name, text in (("password", f"{PASSWORD}\n"), ("shared-key", SHARED_KEY)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    now = Time()
    mesh = SmallMesh(now)
    server = authority.certify("mesh.test")
    with serving(Front(httpx.MockTransport(mesh), "https://mesh.test"), server, authority.ca) as front:
        yield Place(tmp_path, mesh, front, now)


async def test_a_message_goes_there_and_back_over_mutual_tls(place: Place):
    assert place.problems() == []
    content = bytes(range(256)) * 2000
    async with place.mailbox() as mailbox:
        await mailbox.validate()
        await Outbox(mailbox, MemoryIntents(), 100_000).send(letter(content))
        assert [one.content for one in place.mesh.waiting(THEIRS)] == [content]
        back = place.mesh.put(content, chunks=3)
        assert (await Inbox(mailbox, 1_000_000).collect(back.id)).content == content


@pytest.mark.parametrize(("fault", "fact"), [("lost", Unreachable), ("gateway", Overloaded)])
async def test_an_answer_that_is_cut_on_the_wire_is_looked_for(place: Place, fault: Fault, fact: type[Exception]):
    place.front.faults.append(fault)
    async with place.mailbox() as mailbox:
        outbox = Outbox(mailbox, MemoryIntents(), 100_000)
        with pytest.raises(fact) as caught:
            await outbox.send(letter())
        assert not isinstance(caught.value, NotSent)
        await outbox.send(letter())
    assert [one.content for one in place.mesh.waiting(THEIRS)] == [b"<Bundle/>"]


async def test_where_nobody_listens_nothing_was_sent(place: Place):
    async with place.mailbox(base=f"https://127.0.0.1:{free_port()}") as mailbox:
        with pytest.raises(NotSent):
            await mailbox.count()


@pytest.mark.parametrize(
    "more",
    [
        {"certificate_file": "strangers.pem", "key_file": "strangers.key"},  # they do not know us
        {"ca_file": "Another-authority.pem"},  # we do not know them
    ],
)
async def test_without_the_right_certificates_nothing_is_said(place: Place, more):
    assert place.problems(**more) == []
    async with place.mailbox(**more) as mailbox:
        with pytest.raises(Unreachable):
            await mailbox.count()
    assert place.mesh.asked == []


async def test_another_name_is_not_believed(place: Place):
    async with place.mailbox(base=place.front.base.replace("127.0.0.1", "localhost")) as mailbox:
        with pytest.raises(NotSent):
            await mailbox.count()
    assert place.mesh.asked == []


@pytest.mark.parametrize(
    ("more", "about"),
    [
        ({"base": "http://127.0.0.1:1"}, "`base`"),
        ({"base": "https://mesh.test/messageexchange"}, "`base`"),
        ({"mailbox": "zz1ot001"}, "capital letters"),
        ({"password_file": "none"}, "`password_file`"),
        ({"shared_key_file": "none"}, "`shared_key_file`"),
        ({"certificate_file": "strangers.pem"}, "belong together"),
        ({"certificate_file": "none"}, "belong together"),
        ({"ca_file": "none"}, "belong together"),
        ({"ca_file": "password"}, "belong together"),
        ({"key_file": "none"}, "`key_file`"),
        ({"chunk": 0}, "`chunk`"),
        ({"chunk": 100_000_000}, "`chunk`"),
        ({"largest": 0}, "`largest`"),
    ],
)
def test_settings_that_cannot_work_are_named(place: Place, more, about):
    found = place.problems(**more)
    assert len(found) == 1
    assert about in found[0]
    assert SHARED_KEY not in found[0]


@pytest.mark.parametrize("name", ["password", "shared-key", "ours.key"])
def test_secrets_that_others_may_read_are_refused(place: Place, name):
    (place.folder / name).chmod(0o640)
    assert "0600" in place.problems()[0]
