"""Traces: what they say, that they name nobody, and that they are in nobody's way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from service import tracing
from tests.collector import collector
from tests.haystack import Haystack
from tests.journeys.people import admitted, crew, gp
from tests.running import free_port, running
from tests.service.sync.messages import allergy
from tests.service.sync.partnered import PROGRAM, described


def until(holds: Callable[[], bool]) -> None:
    """Wait for other processes until something holds."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_change_can_be_followed_and_nobody_is_named(tmp_path: Path) -> None:
    """Given, refused, asked and taken in: each is a span with words and counts, and nothing else is."""
    home, partners = tmp_path / "home", tmp_path / "partners"
    system = described(partners)
    with collector() as spans:
        named = str(partners)
        with running(home, serve=(PROGRAM, "serve"), EPACCS_PARTNERS=named, EPACCS_OTLP=spans.address) as service:
            someone = admitted(service, 3160)
            (system / "m1.message").write_text(f"{someone.nhs_number} heliotrope umbrella")
            incident = service.open_incident(someone.nhs_number)
            assert service.emergency(crew(service), someone.nhs_number).status_code == 200
            service.call("GET", f"/Patient?identifier={someone.nhs_number}", service.token("gp", "ZZGP01"))
            until(lambda: any(one.get("outcome") == "delivered" for _, one in spans.seen()))
            (system / "refuses").touch()
            said = {**allergy("heliotrope umbrella"), "patient": {"reference": someone.patient}}
            service.call("POST", "/AllergyIntolerance", service.token("gp", "ZZGP01"), said)
            until(lambda: any(one.get("outcome") == "ContentRefused" for _, one in spans.seen()))
            until((system / "m1.settled").exists)
        seen = spans.seen()
    assert spans.paths == {"/v1/traces"}
    assert spans.about() == {"service.name", "service.version"}
    assert {key for _, attributes in seen for key in attributes} <= tracing.ATTRIBUTES
    by_name = {name: [attributes for one, attributes in seen if one == name] for name, _ in seen}
    assert set(by_name) == {"request", "deliver", "poll", "take-in"}
    delivered, *_ = [one for one in by_name["deliver"] if one["outcome"] == "delivered"]
    assert delivered["partner"] == "hospice"
    assert delivered["given"] > delivered["removed"] == 0
    assert {"partner": "hospice", "cause": "change", "waiting": 1, "outcome": "ContentRefused"} in by_name["deliver"]
    assert {"partner": "hospice", "outcome": "parked"} in by_name["take-in"]
    assert any(one.get("messages") == 1 for one in by_name["poll"])
    assert {"interaction": "$emergency-summary", "status": 200} in by_name["request"]
    words = [someone.nhs_number, incident, "heliotrope umbrella"]
    words += [reference.partition("/")[2] for reference in someone.references]
    assert Haystack.of("spans", b"".join(spans.bodies)).find(words) == []


def test_a_collector_that_is_away_costs_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "home", EPACCS_OTLP=f"http://127.0.0.1:{free_port()}") as service:
        someone = admitted(service, 3161)
        assert service.emergency(gp(service), someone.nhs_number).status_code == 200
        log = service.log
    assert someone.nhs_number not in log.read_text()


def test_without_a_collector_nothing_is_made_and_a_stray_attribute_is_refused_all_the_same() -> None:
    with tracing.span("deliver", partner="hospice") as span:
        span.set(outcome="delivered")
        with pytest.raises(KeyError):
            span.set(nhs_number="x")
    with pytest.raises(ValueError, match="as it was raised"), tracing.span("deliver"):
        raise ValueError("as it was raised")
