"""Without a server its tests are not collected: tests/peers/test_there_is_a_server.py says so once."""

from __future__ import annotations

from tests.peers import mesh_sandbox, mongo_servers, oidc_server, verapdf_judge

collect_ignore = [
    *([] if mongo_servers.available() else ["test_mongo_servers.py"]),
    *([] if mesh_sandbox.available() else ["test_mesh_sandbox.py"]),
    *([] if oidc_server.available() else ["test_oidc_server.py"]),
    *([] if verapdf_judge.available() else ["test_verapdf.py"]),
]
