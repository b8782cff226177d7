#!/bin/bash
# Shows what only a replica set can: writers of two services go on while the primary is killed, and nothing that was
# acknowledged is lost. Needs Docker with Compose, and the development environment (make setup). Leaves nothing running.
set -euo pipefail
cd "$(dirname "$0")/.."

compose() { docker compose --file compose.yaml --project-name epaccs-replica-set "$@"; }
trap 'compose down --volumes --remove-orphans >/dev/null 2>&1' EXIT

compose up --build --detach --wait
token() { compose exec -T service-1 /opt/epaccs/bin/epaccs token "$1"; }
GP_TOKEN=$(token demo-gp)
export GP_TOKEN

.venv/bin/python scripts/replica_set_traffic.py http://localhost:8001 http://localhost:8002 &
traffic=$!
sleep 10
primary=$(compose exec -T member-2 mongosh --quiet --eval 'db.hello().primary.split(":")[0]')
echo "Killing the primary, $primary ..."
compose kill --signal SIGKILL "$primary"
sleep 20
compose start "$primary"
wait "$traffic"
