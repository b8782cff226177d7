#!/bin/bash
# Installs into build/peers/ the servers that speak MongoDB's protocol, against which the MongoDB store is tested:
#
#   ferretdb            FerretDB over SQLite, built with Go
#   mongo-java-server   over H2, fetched with Maven
#
# Needs no root. Does nothing when nothing changed. What cannot be had is said and is no failure; with --required it
# is one when none can be had. A mongod on PATH is used by the tests as well and not installed from here.
set -euo pipefail
cd "$(dirname "$0")/.."

required=no
case "${*:-}" in
    "") ;;
    --required) required=yes ;;
    *) echo "usage: $0 [--required]" >&2; exit 2 ;;
esac

peers=$PWD/build/peers
sources=$PWD/tests/peers
log=$peers/install.log
mkdir -p "$peers"

say() { echo "peers: $*"; }
missing() { say "$1 was not installed: $2" >&2; }

# a peer is a folder that holds the digest of what it was made from
digest() { cat "$sources/$1"/* scripts/mongo-peers.sh | sha256sum; }
installed() { [ "$(cat "$peers/$1/.made-from" 2>/dev/null)" = "$(digest "$1")" ]; }

# made in a folder of its own and renamed: a peer is there whole or not at all
install_peer() {
    local name=$1 new=$peers/$1.new
    rm -rf "$new"
    mkdir "$new"
    say "making $name ..."
    if "make_${name//-/_}" "$new" >"$log" 2>&1; then
        digest "$name" >"$new/.made-from"
        rm -rf "${peers:?}/$name"
        mv "$new" "$peers/$name"
    else
        rm -rf "$new"
        tail -n 20 "$log" >&2
        missing "$name" "see above, and $log"
    fi
}

go_is_new_enough() {
    local wanted found
    wanted=$(sed -n 's/^go //p' "$sources/ferretdb/go.mod")
    found=$(cd / && go env GOVERSION 2>/dev/null) || return 1
    [ "$(printf '%s\n' "$wanted" "${found#go}" | sort -V | head -n 1)" = "$wanted" ]
}

make_ferretdb() {
    # go.sum pins every module; the backend that is not used is left out
    (cd "$sources/ferretdb" &&
        go build -mod=readonly -buildvcs=false -trimpath -tags ferretdb_no_postgresql -o "$1/ferretdb" .)
}

make_mongo_java_server() {
    mvn --batch-mode --quiet --file "$sources/mongo-java-server/pom.xml" \
        dependency:copy-dependencies "-DoutputDirectory=$1/jars" &&
        (cd "$1/jars" && sha256sum --check --strict --quiet "$sources/mongo-java-server/jars.sha256") &&
        javac -d "$1" -cp "$1/jars/*" "$sources/mongo-java-server/Launcher.java"
}

if ! installed ferretdb; then
    if ! command -v go >/dev/null; then
        missing ferretdb "go was not found"
    elif ! go_is_new_enough; then
        missing ferretdb "go is older than $(sed -n 's/^go //p' "$sources/ferretdb/go.mod")"
    else
        install_peer ferretdb
    fi
fi

if ! installed mongo-java-server; then
    if ! command -v java >/dev/null || ! command -v javac >/dev/null; then
        missing mongo-java-server "java and javac were not found (Debian: apt-get install default-jdk-headless)"
    elif ! command -v mvn >/dev/null; then
        missing mongo-java-server "mvn was not found (Debian: apt-get install maven)"
    else
        install_peer mongo-java-server
    fi
fi

if [ "$required" = yes ] && ! installed ferretdb && ! installed mongo-java-server && ! command -v mongod >/dev/null; then
    say "no server could be had" >&2
    exit 1
fi
