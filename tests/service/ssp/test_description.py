"""A description is whole and right, or everything that is wrong with it is said; and which names a certificate has."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from security.errors import InvalidConfiguration
from security.registry import ClientRegistry
from service.ssp.description import Description, read_described
from service.ssp.peer import names_in
from tests.running import REPOSITORY, demo_settings
from tests.service.ssp.spine_proxy import AMBULANCE, OURS
from tests.service.ssp.world import POINTERS, PROXY_NAME, Parties, description, parties, partner_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Parties, ClientRegistry, Path]:
    """Return certificates, the demo's clients and their home."""
    home = tmp_path_factory.mktemp("home")
    settings = demo_settings(home, 8000)
    return parties(home / "ssp"), ClientRegistry.load(settings.clients), home


def test_a_good_one_is_used(made: tuple[Parties, ClientRegistry, Path]) -> None:
    folder, registry, _ = made
    described = read_described(description(folder), registry, {POINTERS})
    consumer = described.consumer(AMBULANCE)
    assert consumer is not None
    assert consumer.client == "demo-ambulance"
    assert described.consumer(OURS) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"asid": "1234"}, "`asid` is 12 digits"),
        ({"peers": []}, "`peers` names nobody"),
        ({"peers": ["*.example.nhs.uk"]}, "without `*`"),
        ({"peers": ["Proxy.example.nhs.uk"]}, "in lower case"),
        ({"partners": ["nobody"]}, "there is no partner `nobody`"),
        ({"partners": []}, "`partners` names nobody"),
        ({"consumers": []}, "`consumers` names nobody"),
        ({"consumers": [{"asid": "1", "client": "demo-ambulance"}]}, "12 digits"),
        ({"consumers": [{"asid": AMBULANCE, "client": "demo-ambulance"}] * 2}, "is there twice"),
        ({"consumers": [{"asid": AMBULANCE, "client": "unheard-of"}]}, "is no registered client"),
        ({"consumers": [{"asid": AMBULANCE, "client": "demo-privacy-officer"}]}, "may act with no person named"),
        ({"consumers": [{"asid": AMBULANCE, "client": "demo-control-room"}]}, "is not registered for system/Patient.r"),
        (
            {"consumers": [{"asid": AMBULANCE, "client": "demo-ambulance", "organisation": "ZZGP01"}]},
            "none that the client acts for",
        ),
        ({"ca": "nothing.pem"}, "are PEM files"),
        ({"key": "proxy.spine.example.nhs.uk.key"}, "belong together"),
        ({"certificate": None}, "missing required field `certificate`"),
        ({"port": 0}, ">= 1"),
        ({"host_name": "x"}, "unknown field"),
    ],
)
def test_what_is_wrong_is_said(made: tuple[Parties, ClientRegistry, Path], changed: dict[str, Any], said: str) -> None:
    folder, registry, _ = made
    with pytest.raises(InvalidConfiguration) as refused:
        read_described(description(folder, **changed), registry, {POINTERS})
    assert any(said in problem for problem in refused.value.problems), refused.value.problems


def test_all_problems_are_said_at_once(made: tuple[Parties, ClientRegistry, Path]) -> None:
    folder, registry, _ = made
    with pytest.raises(InvalidConfiguration) as refused:
        read_described(description(folder, asid="1", peers=[], ca="nothing.pem"), registry, {POINTERS})
    assert len(refused.value.problems) == 3
    assert all(problem.startswith("ssp.json: ") for problem in refused.value.problems)


def test_a_key_that_others_may_read_is_refused(made: tuple[Parties, ClientRegistry, Path]) -> None:
    folder, registry, _ = made
    folder.provider.key.chmod(0o644)
    try:
        with pytest.raises(InvalidConfiguration, match="`key`"):
            read_described(description(folder), registry, {POINTERS})
    finally:
        folder.provider.key.chmod(0o600)


def test_the_command_checks_a_description(made: tuple[Parties, ClientRegistry, Path]) -> None:
    folder, _, home = made
    environment = {
        "PATH": "/usr/bin:/bin",
        "EPACCS_ENV": "demo",
        "EPACCS_HOME": str(home),
        "EPACCS_PARTNERS": str(partner_folder(home / "with-pointers")),
    }

    def run(path: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "service.cli", "ssp", "--check", str(path)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    good = run(description(folder))
    assert (good.returncode, good.stdout.strip()) == (0, "It can be used."), good.stderr
    bad = run(description(folder, asid="1"))
    assert bad.returncode == 1
    assert "`asid` is 12 digits" in bad.stderr


@pytest.mark.parametrize(
    ("certificate", "names"),
    [
        (None, ()),
        ({}, ()),
        ({"subject": ((("commonName", "Proxy.Example"),),)}, ("proxy.example",)),
        (
            {"subject": ((("commonName", "listed.example"),),), "subjectAltName": (("DNS", "other.example"),)},
            ("other.example",),
        ),
        ({"subjectAltName": (("IP Address", "127.0.0.1"), ("DNS", PROXY_NAME), ("DNS", "b"))}, (PROXY_NAME, "b")),
    ],
)
def test_the_names_of_a_certificate(certificate: Any, names: tuple[str, ...]) -> None:
    assert names_in(certificate) == names


def test_the_example_of_the_guide_has_the_members_that_are_known() -> None:
    guide = (REPOSITORY / "docs" / "nhs-document.md").read_text()
    told = msgspec.json.decode(guide.partition("```json\n")[2].partition("```")[0], type=Description)
    assert set(Description.__struct_fields__) == set(re.findall(r"`(\w+)`", "".join(_members(guide))))
    assert told.port == 443


def _members(guide: str) -> list[str]:
    """Return the first column of the table of settings."""
    table = guide.partition("| member |")[2].partition("\n\n")[0]
    return [line.split("|")[1] for line in table.splitlines()[2:]]
