"""A file that only its owner may read: made once, read with mode and owner judged, replaced whole under a lock."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from security.errors import KeysRefused

_LARGEST_BYTES = 1 << 20


@dataclass(slots=True)
class Replaced:
    """The content of a file that is being replaced: set it to what the file shall hold."""

    content: bytes = field(repr=False)


def read_private(path: Path) -> bytes:
    """Return the content of `path`; raise `KeysRefused` unless it is a regular file that its owner, we, alone may read.

    Mode and owner are those of the file that was opened, so swapping it in between gains nothing.
    """
    try:
        # NONBLOCK: a pipe at this path must be refused, not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise KeysRefused(f"{path}: there is no key file; `epaccs keys init` makes one") from None
    except OSError as error:
        if path.is_symlink():
            raise KeysRefused(f"{path}: the key file must not be a symbolic link") from None
        raise KeysRefused(f"{path}: the key file cannot be opened ({error.strerror})") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeysRefused(f"{path}: the key file must be a regular file")
        if status.st_uid != os.geteuid():
            raise KeysRefused(f"{path}: the key file must belong to the account that runs the program")
        if status.st_mode & 0o077:
            raise KeysRefused(f"{path}: others may read or change the key file; set its mode to 0600")
        if status.st_size > _LARGEST_BYTES:
            raise KeysRefused(f"{path}: too large for a key file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def create_private(path: Path, content: bytes) -> None:
    """Write a new file of mode 0600, durably; raise `KeysRefused` if anything is at `path` already."""
    fresh = _written_beside(path, content)
    try:
        # A link, unlike a rename, fails when the name is taken: keys are never overwritten by making new ones.
        os.link(fresh, path)
    except FileExistsError:
        raise KeysRefused(f"{path}: already there; keys are never overwritten") from None
    finally:
        fresh.unlink()
    _sync_directory(path.parent)


@contextmanager
def replacing(path: Path) -> Iterator[Replaced]:
    """Give the file's content to be changed, then replace the file, all under a lock; an exception changes nothing."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        file = Replaced(read_private(path))
        yield file
        _written_beside(path, file.content).replace(path)
        _sync_directory(path.parent)
    finally:
        os.close(directory)


def _written_beside(path: Path, content: bytes) -> Path:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise KeysRefused(f"{path}: the key file cannot be written ({error.strerror})") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    return fresh


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
