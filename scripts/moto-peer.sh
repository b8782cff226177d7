#!/bin/bash
# Installs into build/peers/moto (or the folder that MOTO_PEER names) moto, a server that speaks SQS, against which the
# events of MNS are tested: an environment of its own, apart from the product's.
#
# Needs no root. With --required it is a failure when it cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install-peer.sh

pins=tests/peers/moto/requirements.txt
make_peer() { make_environment "$1" "$pins"; }

install_peer moto "${MOTO_PEER:-$PWD/build/peers/moto}" "$pins" "$@"
