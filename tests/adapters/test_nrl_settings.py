"""A description of kind `nrl` is judged whole, and a wrong one starts nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from adapters.partners import Partner
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from security.clock import system_clock
from security.errors import InvalidConfiguration
from tests.adapters.nrl_world import KEY, described

SANDBOX = "https://sandbox.example"


def problems(partner: Partner) -> str:
    try:
        kind_of(partner)
    except InvalidConfiguration as error:
        return " ".join(error.problems)
    return ""


def test_a_good_description_has_no_problems(tmp_path: Path):
    assert problems(described(SANDBOX, tmp_path)) == ""
    assert problems(described("http://127.0.0.1:8000", tmp_path, address="a.example:8443/x/y-1")) == ""


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"base": "http://elsewhere.example/FHIR/R4"}, "settings.base"),
        ({"base": "https://elsewhere.example/FHIR/R4/"}, "settings.base"),
        ({"organisation": "zz"}, "settings.organisation"),
        ({"author": "zz"}, "settings.author"),
        ({"asid": "20000000011"}, "12 digits"),
        ({"asid": "2000000001155"}, "12 digits"),
        ({"address": "ssp://a.example/plan"}, "settings.address"),
        ({"address": "https://proxy.example/a"}, "settings.address"),
        ({"address": "a.example/plan/"}, "settings.address"),
        ({"address": "a.example/pl%61n"}, "settings.address"),
        ({"address": "a.example/plan?x=1"}, "settings.address"),
        ({"address": "a.example/9990000018"}, "ten digits"),
        ({"type": "450476008"}, "settings.type"),
        ({"type_display": "A plan"}, "type_display"),
        ({"practice_setting": {"code": "x", "display": "y"}}, "practice_setting"),
        ({"ca_file": "no-such.pem"}, "ca_file"),
        ({"unheard": 1}, "unheard"),
        ({"auth": {"token_url": "https://a.example/t", "client_id": "x"}}, "key_file"),
        ({"auth": {"token_url": "http://a.example/t", "client_id": "x", "key_file": "nrl.jwk"}}, "token_url"),
        ({"auth": {"token_url": "https://a.example/t", "client_id": "x", "key_file": "none.jwk"}}, "key_file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changed: dict[str, Any], names: str):
    assert names in problems(described(SANDBOX, tmp_path, **changed))


@pytest.mark.parametrize(
    "key",
    [
        "{}",
        json.dumps(KEY.as_dict(private=False)),
        json.dumps({name: value for name, value in KEY.as_dict(private=True).items() if name != "kid"}),
        json.dumps(ECKey.generate_key("P-384", {"kid": "ec"}).as_dict(private=True)),
    ],
    ids=["empty", "public", "no kid", "no RSA key"],
)
def test_a_key_that_cannot_sign_is_named(tmp_path: Path, key: str):
    assert "key_file" in problems(described(SANDBOX, tmp_path, key=key))


def test_a_key_that_others_can_read_is_refused(tmp_path: Path):
    partner = described(SANDBOX, tmp_path)
    (tmp_path / "nrl.jwk").chmod(0o640)
    assert "key_file" in problems(partner)


async def test_plain_http_is_for_a_sandbox(tmp_path: Path):
    partner = described("http://127.0.0.1:8000", tmp_path)
    with pytest.raises(InvalidConfiguration):
        kind_of(partner).adapter(partner, Surroundings(system_clock, "https://ours.example/fhir/R4", b""))
