"""Without a server its tests are not collected: tests/peers/test_there_is_a_server.py says so once."""

from __future__ import annotations

from tests.peers import mesh_sandbox, mongo_servers, moto_sqs, oidc_server, verapdf_judge
from tests.service.record.conftest import keys_home

__all__ = ["keys_home"]

OVER_MESH = ["test_mesh_sandbox.py", "test_nems_mesh_sandbox.py", "test_gp_document_sandbox.py"]
collect_ignore = [
    *([] if mongo_servers.available() else ["test_mongo_servers.py"]),
    *([] if mesh_sandbox.available() else OVER_MESH),
    *([] if moto_sqs.available() else ["test_moto_sqs.py"]),
    *([] if oidc_server.available() else ["test_oidc_server.py"]),
    *([] if verapdf_judge.available() else ["test_verapdf.py"]),
]
