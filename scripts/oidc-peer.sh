#!/bin/bash
# Installs into build/peers/oidc-provider (or the folder that OIDC_PEER names) a token endpoint that is not ours, against
# which our signed JWTs are tried: oidc-provider from npm, at the versions of its lock file.
#
# Needs node and npm, and no root. Does nothing when nothing changed. What cannot be had is said and is no failure; with
# --required it is one.
set -euo pipefail
cd "$(dirname "$0")/.."

required=no
case "${*:-}" in
    "") ;;
    --required) required=yes ;;
    *) echo "usage: $0 [--required]" >&2; exit 2 ;;
esac

peer=${OIDC_PEER:-$PWD/build/peers/oidc-provider}
pins=$PWD/tests/peers/oidc-provider
log=$peer.log
mkdir -p "$(dirname "$peer")"

say() { echo "peers: $*"; }
digest() { cat "$pins/package-lock.json" scripts/oidc-peer.sh | sha256sum; }

make_oidc() {
    mkdir -p "$1" && cp "$pins/package.json" "$pins/package-lock.json" "$1" &&
        # no scripts: nothing of theirs is run to be installed
        (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --silent)
}

[ "$(cat "$peer/.made-from" 2>/dev/null)" = "$(digest)" ] && exit 0

# made in a folder of its own and renamed: it is there whole or not at all
new=$peer.new
rm -rf "$new"
say "making oidc-provider ..."
if make_oidc "$new" >"$log" 2>&1; then
    digest >"$new/.made-from"
    rm -rf "$peer"
    mv "$new" "$peer"
else
    rm -rf "$new"
    tail -n 20 "$log" >&2
    say "oidc-provider was not installed: see above, and $log" >&2
    [ "$required" = no ] || exit 1
fi
