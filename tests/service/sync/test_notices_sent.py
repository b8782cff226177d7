"""A notice over a real connection: what the receiver gets, and that it lies nowhere else."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import jsonschema_rs
import pytest
from joserfc.jwk import ECKey, KeySet

from adapters.http import Guard, HttpClient
from adapters.signed_events import SignedEvents
from adapters.webhook import WebhookAdapter, WebhookSettings
from security.event_signature import EventSigner
from service import logs
from tests.adapters.guides import guide_sample
from tests.adapters.receiving import certificate_for, receiving
from tests.haystack import Haystack
from tests.running import REPOSITORY
from tests.service.sync.noticed import admitted, gateway, read_in_an_emergency
from tests.service.sync.world import step_until_quiet, world

SCHEMA = jsonschema_rs.validator_for(json.loads((REPOSITORY / "docs/notice-event.schema.json").read_text()))
BASE = "https://record.test/fhir/R4"


async def test_it_is_signed_says_whom_to_tell_and_leaves_no_trace(
    keys_home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The receiver is away once; what it then takes verifies, and no file, log line or address names the person."""
    caplog.set_level(logging.DEBUG)
    made = certificate_for(["127.0.0.1"], tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    with receiving((made.chain, made.key)) as receiver:
        address = f"https://127.0.0.1:{receiver.port}/notices"
        receiver.answers = [(503, {"retry-after": "1"}, b""), (202, {}, b"")]
        async with world(keys_home, home, gateway()) as opened:
            pem = opened.house.opened.keys.issuer_pem.encode()
            http = HttpClient(guard=Guard(frozenset({"127.0.0.1"}), private=True), tls=made.trusting)
            events = SignedEvents(address, http, EventSigner(pem, opened.time.clock), 10.0)
            adapter = WebhookAdapter(WebhookSettings(address, ("127.0.0.1",)), events, BASE)
            sending = opened.another({"gateway": adapter})
            await opened.relay.finish()
            number, _ = await admitted(opened, 880)
            await read_in_an_emergency(opened, number)
            for _ in range(3):
                await step_until_quiet(sending)
                opened.time.forward(2)
            assert await opened.waiting() == 0
            now = opened.time.now.timestamp()
            await sending.relay.finish()
            files = {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}

    first, second = receiver.received
    assert first.body == second.body
    verified = guide_sample("webhooks")["verified"]
    keys = KeySet([ECKey.import_key(pem)])
    event = verified(second.body, second.headers["epaccs-signature"], keys, address, now)
    SCHEMA.validate(event)
    assert event["type"] == "org.epaccs.notice.emergency-read"
    assert event["data"]["nhsNumber"] == number
    words = {number, "Testley", "looked at your plan", event["data"]["organisation"]}
    told = f"{second.path} {second.headers}".encode()
    lines = "\n".join(logs.AllowListFormatter().format(record) for record in caplog.records).encode()
    assert b"httpx" in lines, "the libraries were heard too"
    for origin, content in {**files, "log": lines, "headers": told}.items():
        assert Haystack.of(origin, content).find(words) == []
    assert Haystack.of("body", second.body).find([number]), "the search finds it where it is"
