# What the scripts that install one peer each have in common. Sourced, not run.
#
#   install_peer NAME FOLDER "FILES IT IS MADE FROM" [--required]
#
# calls `make_peer FOLDER.new`, which the script defines. Does nothing when nothing changed. What cannot be had is said
# and is no failure; with --required it is one. A peer is made in a folder of its own and renamed: it is there whole or
# not at all.
# shellcheck shell=bash

say() { echo "peers: $*"; }

install_peer() {
    local name=$1 peer=$2 made_from=$3 new=$2.new log=$2.log digest
    case "${*:4}" in
        "" | --required) ;;
        *) echo "usage: $0 [--required]" >&2; exit 2 ;;
    esac
    mkdir -p "$(dirname "$peer")"
    # shellcheck disable=SC2086 - a list of files
    digest=$(cat $made_from scripts/install-peer.sh "scripts/$(basename "$0")" | sha256sum)
    [ "$(cat "$peer/.made-from" 2>/dev/null)" = "$digest" ] && return
    rm -rf "$new"
    say "making $name ..."
    if make_peer "$new" >"$log" 2>&1; then
        echo "$digest" >"$new/.made-from"
        rm -rf "$peer"
        mv "$new" "$peer"
    else
        rm -rf "$new"
        tail -n 20 "$log" >&2
        say "$name was not installed: see above, and $log" >&2
        [ "${*:4}" != --required ] || exit 1
    fi
}

# An environment of its own from pins with hashes. Wheels alone: nothing of theirs is run to be installed. Its python is
# called by path and its modules by name, so that no script in it needs to know where it is.
make_environment() {
    local python
    python=$(scripts/find-python.sh) && "$python" -m venv "$1" &&
        "$1/bin/python" -m pip install --disable-pip-version-check --quiet --require-hashes --only-binary :all: \
            --requirement "$2"
}
