"""A description of kind `nems`, and the files that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.partners import Description, Owner, Partner
from tests.adapters.certificates import Authority
from tests.adapters.mesh_small import OURS, PASSWORD, SHARED_KEY
from tests.adapters.mns_world import private

_ON_TOP = ("gets", "person")


def files(folder: Path) -> Authority:
    """Write the files of a description, and return the authority that certified us."""
    authority = Authority(folder)
    authority.certify("ours")
    for name, text in (("password", PASSWORD), ("shared-key", SHARED_KEY)):
        private(folder / name, text)
    return authority


def described(folder: Path, **more: Any) -> Partner:
    """Return a description; `more` are settings, of the mailbox too, and two members of the description itself."""
    top = {name: more.pop(name) for name in _ON_TOP if name in more}
    mesh = {
        "base": "https://mesh.test",
        "mailbox": OURS,
        "password_file": "password",
        "shared_key_file": "shared-key",
        "certificate_file": "ours.pem",
        "key_file": "ours.key",
        "ca_file": "Authority-of-the-tests.pem",
    }
    settings = {name: value for name, value in more.items() if name in ("workflows", "unknown")}
    mesh |= {name: value for name, value in more.items() if name not in settings}
    one = Description(
        name="nems",
        kind="nems",
        title="Events of NEMS",
        client="pds-events",
        owner=Owner("Desk", "ZZHSP1"),
        sends=True,
        settings={"mesh": mesh, **settings},
        gets=top.get("gets", False),
        person=top.get("person", ()),
    )
    return Partner(one, folder)
