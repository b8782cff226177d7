"""The steps of docs/backup.md for MongoDB: dumped and restored by collection, then an epoch begun in place.

What `mongodump` and `mongorestore` do with a collection is done here by the driver: documents as they are, one after
the other, in a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from service.record.manifest import VERSIONS_OF_AN_EPOCH
from tests.journeys.people import admitted
from tests.peers.mongo_servers import MongoServer, available
from tests.peers.params import servers
from tests.running import SERVE, free_port, running
from tests.service.cli.test_backup import made, note, put
from tests.service.cli.test_commands import _done, _run

KINDS = [kind for kind in available() if kind != "ferretdb"] or available()
DATABASE = "records"


@pytest.fixture(params=servers(KINDS))
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MongoServer]:
    with MongoServer(request.param, tmp_path / "server") as found:
        yield found


def dump(client: MongoClient[Any], folder: Path, *, only: str = "", without: str = "") -> None:
    """Write the collections of the database to files, as `mongodump` does."""
    folder.mkdir()
    for name in client[DATABASE].list_collection_names():
        if name != without and only in ("", name):
            documents = client[DATABASE].get_collection(name, codec_options=_RAW).find()
            (folder / f"{name}.bson").write_bytes(b"".join(document.raw for document in documents))


def put_back(client: MongoClient[Any], *folders: Path) -> None:
    """Insert what files of these folders hold into an empty database, as `mongorestore` does."""
    client.drop_database(DATABASE)
    for file in [path for folder in folders for path in sorted(folder.iterdir())]:
        documents = bson.decode_all(file.read_bytes(), _RAW)
        if documents:
            client[DATABASE][file.stem].insert_many(documents)


_RAW: bson.CodecOptions[Any] = bson.CodecOptions(document_class=RawBSONDocument)


def test_a_dump_comes_back_in_an_epoch_of_its_own(server: MongoServer, tmp_path: Path) -> None:
    home, content, keys = tmp_path / "home", tmp_path / "content", tmp_path / "keys"
    settings = {"EPACCS_ENV": "sandbox", "EPACCS_STORE": server.url(DATABASE), "EPACCS_PORT": str(free_port())}
    with running(home, prefix=(), serve=SERVE, **settings) as service:
        someone = admitted(service, 70)
        reference = made(service, note(someone, "one"))
        assert put(service, reference, 1, note(someone, "two")).status_code == 200
    with server.client() as client:
        dump(client, content, without="keys")
        dump(client, keys, only="keys")
        (key,) = [one["blob"] for one in client[DATABASE]["keys"].find()][:1]
    assert not any(key in path.read_bytes() for path in content.iterdir()), "content holds no wrapped key"
    with running(home, prefix=(), serve=SERVE, **settings) as service:
        assert put(service, reference, 2, note(someone, "after the dump")).status_code == 200
        lost = admitted(service, 71)

    with server.client() as client:
        put_back(client, content, keys)
    assert _run(home, "verify", **settings).returncode == 1, "a database that was put back"
    assert "Epoch 1 begins" in _done(home, "restore", "--in-place", **settings)
    with running(home, prefix=(), serve=SERVE, **settings) as service:
        gp = service.token("gp", "ZZGP01")
        assert service.call("GET", f"/{reference}", gp).json()["valueString"] == "two"
        assert put(service, reference, 3, note(someone, "by who saw the third version")).status_code == 412
        answer = put(service, reference, 2, note(someone, "three"))
        assert (answer.status_code, answer.headers["etag"]) == (200, f'W/"{VERSIONS_OF_AN_EPOCH + 3}"')
        assert service.emergency(gp, lost.nhs_number).status_code == 404
        assert service.call("POST", "", gp, lost.bundle).status_code == 200
    assert "Nothing is wrong." in _done(home, "verify", **settings)
