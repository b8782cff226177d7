#!/bin/bash
# Installs into build/peers/verapdf (or the folder that VERAPDF_PEER names) veraPDF, the PDF Association's judge of
# PDF/A, by which the documents that we make are judged.
#
# Needs a JDK and Maven, and no root. With --required it is a failure when it cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install-peer.sh

sources=$PWD/tests/peers/verapdf
make_peer() {
    if ! command -v javac || ! command -v mvn; then
        echo "javac or mvn was not found (Debian: apt-get install default-jdk-headless maven)"
        return 1
    fi
    mkdir "$1" &&
        mvn --batch-mode --quiet --file "$sources/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$1/jars" &&
        (cd "$1/jars" && sha256sum --check --strict --quiet "$sources/jars.sha256") &&
        javac -d "$1" -cp "$1/jars/*" "$sources/Judge.java"
}

install_peer verapdf "${VERAPDF_PEER:-$PWD/build/peers/verapdf}" "$sources/*" "$@"
