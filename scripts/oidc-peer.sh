#!/bin/bash
# Installs into build/peers/oidc-provider (or the folder that OIDC_PEER names) a token endpoint that is not ours, against
# which our signed JWTs are tried: oidc-provider from npm, at the versions of its lock file.
#
# Needs node and npm, and no root. With --required it is a failure when it cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install-peer.sh

pins=tests/peers/oidc-provider
make_peer() {
    mkdir -p "$1" && cp "$pins/package.json" "$pins/package-lock.json" "$1" &&
        # no scripts: nothing of theirs is run to be installed
        (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --silent)
}

install_peer oidc-provider "${OIDC_PEER:-$PWD/build/peers/oidc-provider}" "$pins/package-lock.json" "$@"
