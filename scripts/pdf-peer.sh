#!/bin/bash
# Installs into build/peers/verapdf (or the folder that VERAPDF_PEER names) veraPDF, the PDF Association's judge of
# PDF/A, by which the documents that we make are judged.
#
# Needs a JDK and Maven, and no root. Does nothing when nothing changed. What cannot be had is said and is no failure;
# with --required it is one.
set -euo pipefail
cd "$(dirname "$0")/.."

required=no
case "${*:-}" in
    "") ;;
    --required) required=yes ;;
    *) echo "usage: $0 [--required]" >&2; exit 2 ;;
esac

peer=${VERAPDF_PEER:-$PWD/build/peers/verapdf}
sources=$PWD/tests/peers/verapdf
log=$peer.log
mkdir -p "$(dirname "$peer")"

say() { echo "peers: $*"; }
digest() { cat "$sources"/* scripts/pdf-peer.sh | sha256sum; }

make_verapdf() {
    mvn --batch-mode --quiet --file "$sources/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$1/jars" &&
        (cd "$1/jars" && sha256sum --check --strict --quiet "$sources/jars.sha256") &&
        javac -d "$1" -cp "$1/jars/*" "$sources/Judge.java"
}

[ "$(cat "$peer/.made-from" 2>/dev/null)" = "$(digest)" ] && exit 0

if ! command -v javac >/dev/null || ! command -v mvn >/dev/null; then
    say "verapdf was not installed: javac or mvn was not found (Debian: apt-get install default-jdk-headless maven)" >&2
    [ "$required" = no ] || exit 1
    exit 0
fi

# made in a folder of its own and renamed: it is there whole or not at all
new=$peer.new
rm -rf "$new"
mkdir "$new"
say "making verapdf ..."
if make_verapdf "$new" >"$log" 2>&1; then
    digest >"$new/.made-from"
    rm -rf "$peer"
    mv "$new" "$peer"
else
    rm -rf "$new"
    tail -n 20 "$log" >&2
    say "verapdf was not installed: see above, and $log" >&2
    [ "$required" = no ] || exit 1
fi
