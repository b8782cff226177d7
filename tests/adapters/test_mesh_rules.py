"""The rules refuse what they say they refuse: or tests that pass before them would show nothing."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from adapters.mesh_authorization import Credentials, token
from tests.adapters.mesh_small import BASE, OURS, PASSWORD, SHARED_KEY, START, THEIRS, WORKFLOW, SmallMesh, Time

GOOD = Credentials(OURS, PASSWORD, SHARED_KEY)


@pytest.fixture
def mesh() -> SmallMesh:
    return SmallMesh(Time())


def ask(mesh: SmallMesh, header: str, method: str = "GET", path: str = "/inbox/M1", **headers: str) -> httpx.Response:
    url = f"{BASE}/messageexchange/{OURS}{path}"
    sent = {"Authorization": header, **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = mesh(httpx.Request(method, url, headers=sent, content=b"x"))
    answer.read()
    return answer


def test_a_header_is_taken_once(mesh: SmallMesh):
    mesh.put(b"x")
    header = token(GOOD, "n", 1, START)
    assert [ask(mesh, header).status_code for _ in range(2)] == [200, 403]
    assert ask(mesh, token(GOOD, "n", 2, START)).status_code == 200


@pytest.mark.parametrize(("hours", "status"), [(-2, 200), (2, 200), (-2.1, 403), (2.1, 403)])
def test_a_time_is_within_two_hours(mesh: SmallMesh, hours: float, status: int):
    mesh.put(b"x")
    assert ask(mesh, token(GOOD, "n", 1, START + timedelta(hours=hours))).status_code == status


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer x",
        token(Credentials(OURS, "wrong", SHARED_KEY), "n", 1, START),
        token(Credentials(OURS, PASSWORD, "wrong"), "n", 1, START),
        token(Credentials(THEIRS, "theirs", SHARED_KEY), "n", 1, START),
        token(GOOD, "n", 1, START).replace(":1:", ":2:"),
    ],
)
def test_a_sign_in_that_is_not_ours_is_refused(mesh: SmallMesh, header: str):
    assert ask(mesh, header).status_code == 403


def test_chunks_come_in_order(mesh: SmallMesh):
    first = {"Mex_To": THEIRS, "Mex_WorkflowID": WORKFLOW}
    sent = ask(mesh, token(GOOD, "n", 1, START), "POST", "/outbox", Mex_Chunk_Range="1:3", **first).json()["message_id"]

    def chunk(number: int, count: int) -> int:
        header = token(GOOD, "n", count, START)
        return ask(mesh, header, "POST", f"/outbox/{sent}/{number}", Mex_Chunk_Range=f"{number}:3").status_code

    assert [chunk(3, 2), chunk(2, 3), chunk(2, 4), chunk(3, 5), chunk(3, 6)] == [417, 202, 202, 202, 423]


def test_a_workflow_is_known_and_what_is_gone_is_gone(mesh: SmallMesh):
    mesh.put(b"x")
    mesh.rules.gone.add("M1")
    assert ask(mesh, token(GOOD, "n", 1, START)).status_code == 410
    answer = ask(
        mesh, token(GOOD, "n", 2, START), "POST", "/outbox", Mex_To=THEIRS, Mex_WorkflowID="X", Mex_Chunk_Range="1:1"
    )
    assert (answer.status_code, answer.json()["errorCode"]) == (417, "17")
    assert mesh.waiting(THEIRS) == []
