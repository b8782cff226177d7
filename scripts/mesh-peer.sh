#!/bin/bash
# Installs into build/peers/mesh (or the folder that MESH_PEER names) the MESH server and the MESH client of their
# makers, against which the MESH transport is tested: an environment of its own, apart from the product's.
#
# Needs no root. With --required it is a failure when they cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install-peer.sh

pins=tests/peers/mesh/requirements.txt
make_peer() { make_environment "$1" "$pins"; }

install_peer mesh "${MESH_PEER:-$PWD/build/peers/mesh}" "$pins" "$@"
