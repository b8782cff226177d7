"""Without any server its tests are not collected: tests/peers/test_there_is_a_server.py says so once."""

from __future__ import annotations

from tests.peers.mongo_servers import available

collect_ignore = [] if available() else ["test_mongo_servers.py"]
