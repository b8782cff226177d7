"""A description of kind `fhir` is judged whole before anything is sent, its files included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey

from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from security.clock import system_clock
from security.errors import InvalidConfiguration
from tests.adapters.fhir_world import OUR_BASE, described, speaking_to, theirs_patient
from tests.adapters.small_server import small_server

HTTPS = "https://hospice.example/fhir"


def problems_of(folder: Path, base: str = HTTPS, mapping: str = "", **settings: Any) -> list[str]:
    """Return what is wrong, as the start of the program and `sync check` are told."""
    partner = described(base, folder, mapping=mapping, **settings)
    try:
        kind_of(partner)
    except InvalidConfiguration as error:
        return [problem.removeprefix("hospice: ") for problem in error.problems]
    return []


def private(path: Path, content: bytes) -> str:
    """Write a file that we alone may read, and return its name."""
    path.write_bytes(content)
    path.chmod(0o600)
    return path.name


def key_file(folder: Path) -> str:
    """Write a private key and return its name."""
    key = ECKey.generate_key("P-384", {"kid": "ours-1"}, private=True)
    return private(folder / "ours.jwk", json.dumps(key.as_dict(private=True)).encode())


def test_a_whole_description_has_no_problems(tmp_path: Path) -> None:
    (tmp_path / "dialect.json").write_text('{"name": "dialect", "rules": []}')
    auth = {
        "token_url": "https://hospice.example/token",
        "client_id": "epaccs",
        "key_file": key_file(tmp_path),
        "scope": "system/*.cruds",
    }
    assert problems_of(tmp_path, mapping="dialect.json", auth=auth) == []


@pytest.mark.parametrize(
    ("base", "problem"),
    [
        ("http://hospice.example/fhir", "`settings.base` is https; plain http is for a sandbox on this machine"),
        ("ftp://hospice.example/fhir", "`settings.base` is an https address"),
        ("https:///fhir", "`settings.base` is an https address"),
        ("https://hospice.example:port/fhir", "`settings.base` is not an address"),
        (f"{HTTPS}/", "`settings.base` has no `/` at its end, no query and no user in it"),
        (f"{HTTPS}?key=1", "`settings.base` has no `/` at its end, no query and no user in it"),
        ("https://user:x@hospice.example/fhir", "`settings.base` has no `/` at its end, no query and no user in it"),
    ],
)  # fmt: skip
def test_an_address_is_https_and_an_address(tmp_path: Path, base: str, problem: str) -> None:
    assert problems_of(tmp_path, base) == [problem]


def test_every_mistake_is_named(tmp_path: Path) -> None:
    (tmp_path / "dialect.json").write_text('{"name": "dialect", "rules": [{"rule": "drop", "types": ["Patient"]}]}')
    found = problems_of(
        tmp_path,
        mapping="dialect.json",
        onec="x",
        once="sometimes",
        patients="invent",
        clinicians="all",
        page=-1,
        types=["Observaton"],
        certificate_file="cert.pem",
        auth={"token_url": "http://hospice.example/token", "algorithm": "none", "secret": "x"},
    )
    assert found == [
        "`settings.onec` is not known",
        "`settings.auth.secret` is not known",
        "`settings.once` is `if-none-exist` or `idempotency-key`",
        "`settings.patients` is `find` or `create`",
        "`settings.clinicians` is `name`, `create` or `with-patient`",
        "`settings.page` is 0 to 1000",
        "`settings.certificate_file` and `settings.key_file` stand together",
        "`settings.types` names `Observaton`, which is no resource type of this product",
        "`settings.auth.client_id` is missing",
        "`settings.auth.key_file` is missing",
        "`settings.auth.token_url` is https; plain http is for a sandbox on this machine",
        "`settings.auth.algorithm` is one of ES256, ES384, PS256, RS384, RS512",
        "`settings.certificate_file`: there is no such file",
        "`mapping`: rules[0].path: is missing",
    ]


def test_a_member_of_the_wrong_kind_is_named(tmp_path: Path) -> None:
    assert problems_of(tmp_path, page="many") == ["settings: Expected `int`, got `str` - at `$.page`"]
    assert problems_of(tmp_path, auth=[]) == ["settings: Expected `object | null`, got `array` - at `$.auth`"]


def test_files_that_are_missing_open_to_others_or_something_else_are_named(tmp_path: Path) -> None:
    auth = {"token_url": "https://hospice.example/token", "client_id": "epaccs"}

    def with_key(name: str) -> str:
        [problem] = problems_of(tmp_path, auth={**auth, "key_file": name})
        return problem.replace(str(tmp_path), "FOLDER")

    assert "there is no key file" in with_key("none.jwk")
    open_to_all = tmp_path / key_file(tmp_path)
    open_to_all.chmod(0o644)
    assert "others may read" in with_key("ours.jwk")
    assert with_key(private(tmp_path / "no.jwk", b"{}")).endswith("is not a private JWK")
    public = ECKey.generate_key("P-384", {"kid": "x"}, private=False).as_dict(private=False)
    assert "not a private EC or RSA key" in with_key(private(tmp_path / "public.jwk", json.dumps(public).encode()))
    octets = OctKey.generate_key(256, {"kid": "x"}).as_dict(private=True)
    assert "not a private EC or RSA key" in with_key(private(tmp_path / "oct.jwk", json.dumps(octets).encode()))
    nameless = ECKey.generate_key("P-384").as_dict(private=True)
    nameless.pop("kid", None)
    assert "has no `kid`" in with_key(private(tmp_path / "nameless.jwk", json.dumps(nameless).encode()))
    assert problems_of(tmp_path, mapping="none.json") == [
        "`mapping`: the mapping cannot be read (No such file or directory)"
    ]
    private(tmp_path / "ca.pem", b"no certificate")
    assert problems_of(tmp_path, ca_file="ca.pem") == [
        "`settings.ca_file`, `certificate_file` and `key_file` are PEM files that belong together"
    ]


@pytest.mark.parametrize("content", [b"", b"no colon", b"Name:", b"A: b\nC: d", b"X-Key: \xff"])
def test_a_header_file_holds_one_header(tmp_path: Path, content: bytes) -> None:
    name = private(tmp_path / "header", content)
    assert problems_of(tmp_path, auth={"header_file": name}) == [
        "`settings.auth.header_file`: holds one line `Name: value`"
    ]


def test_one_way_to_sign_in(tmp_path: Path) -> None:
    name = private(tmp_path / "header", b"X-Api-Key: abc\n")
    assert problems_of(tmp_path, auth={"header_file": name, "client_id": "x"}) == [
        "`settings.auth` has `header_file` or the members of a token endpoint, not both"
    ]


async def test_the_header_goes_with_every_request(tmp_path: Path) -> None:
    name = private(tmp_path / "header", b"X-Api-Key: abc\n")
    with small_server() as server:
        server.add(theirs_patient())
        async with speaking_to(server.base, tmp_path, auth={"header_file": name}) as partner:
            await partner.poll("")
        assert {one.headers["x-api-key"] for one in server.asked} == {"abc"}


async def test_plain_http_is_refused_outside_a_sandbox(tmp_path: Path) -> None:
    partner = described("http://127.0.0.1:1/fhir", tmp_path)
    surroundings = Surroundings(system_clock, OUR_BASE, b"", private_addresses=False)
    with pytest.raises(InvalidConfiguration) as caught:
        kind_of(partner).adapter(partner, surroundings)
    assert caught.value.problems == ["hospice: plain http is for a sandbox only"]
