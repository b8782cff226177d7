"""Fetches the packages of `package-lock.json` where there is no npm: `... fetch package-lock.json node_modules`.

Guarantees what `npm ci --ignore-scripts` does for data: each package is the very one that the lock file names, by the
digest in it, or it is not there; nothing of it is run. Does not: fetch what packages ask for in turn, whose scripts we
do not use, or take packages from anywhere but the registry that the environment names, as it does for npm.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import sys
import tarfile
from base64 import b64decode
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.request import urlopen

REGISTRY = "npm_config_registry"
"""The variable that names the registry, as npm reads it. None is built in: whom to ask is the machine's to say."""
_SECONDS = 60
"""How long a registry may say nothing."""


class Locked(NamedTuple):
    """A package of the lock file: its name, its version, and its digest as the lock file has it."""

    name: str
    version: str
    integrity: str


class NotFetched(Exception):
    """A package could not be had. Says why."""


def locked(lock: Path) -> Iterator[Locked]:
    """Yield what the project itself asks for, at the versions that its lock file (version 3) pins."""
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    for name in sorted({**packages[""].get("dependencies", {}), **packages[""].get("devDependencies", {})}):
        one = packages[f"node_modules/{name}"]
        yield Locked(name, one["version"], one["integrity"])


def fetch(package: Locked, registry: str, target: Path) -> None:
    """Put a package into `target` (a node_modules), whole or not at all. Raise NotFetched."""
    address = f"{registry.rstrip('/')}/{package.name}/-/{package.name.rpartition('/')[2]}-{package.version}.tgz"
    if not address.startswith(("https://", "http://")):
        raise NotFetched(f"{address} is no web address")
    try:
        with urlopen(address, timeout=_SECONDS) as answer:  # noqa: S310 - the scheme was looked at
            packed = answer.read()
    except OSError as problem:
        raise NotFetched(f"{address}: {problem}") from None
    algorithm, _, digest = package.integrity.partition("-")
    if algorithm != "sha512" or not hmac.compare_digest(hashlib.sha512(packed).digest(), b64decode(digest)):
        raise NotFetched(f"{address} is not what package-lock.json names")
    whole = target / package.name
    part = whole.with_name(f".{whole.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    _unpack(packed, part)
    shutil.rmtree(whole, ignore_errors=True)
    part.rename(whole)


def _unpack(packed: bytes, target: Path) -> None:
    """Write the files of a package below `target`, without the folder they all lie in; no link, nothing outside."""
    with tarfile.open(fileobj=BytesIO(packed), mode="r:gz") as archive:
        for member in archive:
            inside = PurePosixPath(member.name).parts[1:]
            content = archive.extractfile(member) if member.isfile() else None
            if content is None or not inside or ".." in inside:
                continue
            path = target.joinpath(*inside)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Fetch every package and name those that could not be had; return the exit code."""
    lock, target = Path(arguments[0]), Path(arguments[1])
    registry = environment.get(REGISTRY, "")
    if not registry:
        print(f"  Nothing was fetched: set {REGISTRY} to the address of an npm registry.", file=sys.stderr)
        return 1
    missing = 0
    for package in locked(lock):
        try:
            fetch(package, registry, target)
        except NotFetched as problem:
            missing += 1
            print(f"  {package.name} {package.version} was not fetched: {problem}", file=sys.stderr)
        else:
            print(f"  {package.name} {package.version}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
