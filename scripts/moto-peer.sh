#!/bin/bash
# Installs into build/peers/moto (or the folder that MOTO_PEER names) moto, a server that speaks SQS, against which the
# events of MNS are tested: an environment of its own, apart from the product's.
#
# Needs no root. Does nothing when nothing changed. What cannot be had is said and is no failure; with --required it
# is one.
set -euo pipefail
cd "$(dirname "$0")/.."

required=no
case "${*:-}" in
    "") ;;
    --required) required=yes ;;
    *) echo "usage: $0 [--required]" >&2; exit 2 ;;
esac

peer=${MOTO_PEER:-$PWD/build/peers/moto}
pins=$PWD/tests/peers/moto/requirements.txt
log=$peer.log
mkdir -p "$(dirname "$peer")"

say() { echo "peers: $*"; }
digest() { cat "$pins" scripts/moto-peer.sh | sha256sum; }

make_moto() {
    local python
    python=$(scripts/find-python.sh) && "$python" -m venv "$1" &&
        # wheels alone: nothing of theirs is run to be installed
        "$1/bin/python" -m pip install --disable-pip-version-check --quiet --require-hashes --only-binary :all: \
            --requirement "$pins"
}

[ "$(cat "$peer/.made-from" 2>/dev/null)" = "$(digest)" ] && exit 0

# made in a folder of its own and renamed: it is there whole or not at all. Its python is called by path and its
# modules by name, so that no script in it needs to know where it is.
new=$peer.new
rm -rf "$new"
say "making moto ..."
if make_moto "$new" >"$log" 2>&1; then
    digest >"$new/.made-from"
    rm -rf "$peer"
    mv "$new" "$peer"
else
    rm -rf "$new"
    tail -n 20 "$log" >&2
    say "moto was not installed: see above, and $log" >&2
    [ "$required" = no ] || exit 1
fi
