"""What is tested against real servers says so when there is none."""

from __future__ import annotations

import pytest

from tests.peers import mesh_sandbox, mongo_servers, moto_sqs, oidc_server, verapdf_judge


def test_there_is_a_server() -> None:
    if not mongo_servers.available():
        if mongo_servers.required():
            pytest.fail(mongo_servers.HOW_TO_GET)
        pytest.skip(mongo_servers.HOW_TO_GET)


def test_there_is_a_mesh() -> None:
    if not mesh_sandbox.available():
        if mesh_sandbox.required():
            pytest.fail(mesh_sandbox.HOW_TO_GET)
        pytest.skip(mesh_sandbox.HOW_TO_GET)


def test_there_is_a_token_endpoint() -> None:
    if not oidc_server.available():
        if oidc_server.required():
            pytest.fail(oidc_server.HOW_TO_GET)
        pytest.skip(oidc_server.HOW_TO_GET)


def test_there_is_a_queue() -> None:
    if not moto_sqs.available():
        if moto_sqs.required():
            pytest.fail(moto_sqs.HOW_TO_GET)
        pytest.skip(moto_sqs.HOW_TO_GET)


def test_there_is_a_judge_of_documents() -> None:
    if not verapdf_judge.available():
        if verapdf_judge.required():
            pytest.fail(verapdf_judge.HOW_TO_GET)
        pytest.skip(verapdf_judge.HOW_TO_GET)
