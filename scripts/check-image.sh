#!/bin/bash
# Runs the steps of the container image without Docker: two Debian roots made by debootstrap stand for the two stages
# of the Dockerfile; then the service runs in the second as its own user, alone on a network of its own, until its
# health check says ready. Needs root, debootstrap, unshare and ip. Leaves no process, mount or root behind.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=bookworm                  # the release of the Dockerfile's images
work=$PWD/build/image-check     # the roots
base=$PWD/build/debootstrap/$suite-$(dpkg --print-architecture).tar

say() { printf 'image: %s (%ss)\n' "$*" "$SECONDS"; }
fail() { printf 'image: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "needs root"
export PATH=$PATH:/usr/sbin:/sbin
for tool in debootstrap unshare ip; do
    command -v "$tool" >/dev/null || fail "$tool was not found"
done

# Where this machine's own apt gets the release from, or else its first archive: a Debian archive holds every release.
# apt itself reads its configuration, in whichever form it is written.
mirror() {
    # shellcheck disable=SC2016  # apt expands
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
        awk -v suite="$suite" '$4 == "main" && ($2 == suite || $3 == suite) {found = $1; exit}
                               $4 == "main" && first == "" {first = $1}
                               END {print found ? found : first}'
}

base_root() {
    [ -f "$base" ] && return
    local uri fresh=$work/base
    uri=$(mirror)
    [ -n "$uri" ] || fail "this machine's apt configuration names no source of Debian $suite"
    debootstrap --variant=minbase "$suite" "$fresh" "$uri" >"$work/debootstrap.log" 2>&1 ||
        { tail -n 20 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }
    mkdir -p "$(dirname "$base")"
    tar --create --file "$base.part" --directory "$fresh" --one-file-system .
    mv "$base.part" "$base"
    rm -rf "$fresh"
    say "base root made"
}

# What lets the package clients reach their registries here: names, certificates and client settings of this machine.
client_settings='^(https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY|PIP_[A-Z_]+|npm_config_[a-z_]+|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE)='
lend_network() {
    local root=$1 path
    cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
    apt-config dump --format '%f "%v";%n' | grep -E '^Acquire::([a-z]+::(Proxy|CaInfo|Verify)|Check-)' >"$root/etc/apt/apt.conf.d/90machine" || true
    for path in /etc/ssl/certs /usr/share/ca-certificates /usr/local/share/ca-certificates /etc/pip.conf /etc/npmrc \
        "$HOME/.config/pip" "$HOME/.pip" "$HOME/.npmrc" ${PIP_FIND_LINKS:-}; do
        [ -e "$path" ] || continue
        mkdir -p "$root$(dirname "$path")"
        cp -a "$path" "$root$(dirname "$path")/"
    done
}

# A process tree of its own: whatever a command starts ends with it, and its mounts are seen by nobody else.
isolated() { unshare --mount --pid --fork --kill-child "$@"; }

in_root() { # root, folder, command...
    local root=$1 folder=$2 settings
    shift 2
    mapfile -t settings < <(env | grep -E "$client_settings" || true)
    # shellcheck disable=SC2016  # the inner shell expands
    isolated sh -c 'mount -t proc proc "$1/proc"; root=$1; shift; exec chroot "$root" "$@"' sh "$root" \
        /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$HOME" LANG=C.UTF-8 "${settings[@]}" \
        sh -c 'cd "$1"; shift; exec "$@"' sh "$folder" "$@"
}

new_root() { # name
    mkdir -p "$work/$1"
    tar --extract --file "$base" --directory "$work/$1"
    lend_network "$work/$1"
}

# The paths that the Dockerfile copies from the tree, so that a path it forgets is missing here too.
copied() { awk '$1 == "COPY" && $2 !~ /^--/ {for (i = 2; i < NF; i++) print $i}' Dockerfile; }

build_stage() {
    new_root build
    mkdir "$work/build/src"
    copied | tar --create --exclude __pycache__ --exclude fhir_profiles/definitions_r4 \
        --exclude service/web/static/vendor --files-from - | tar --extract --directory "$work/build/src"
    in_root "$work/build" /src scripts/build-image.sh tools
    say "tools installed"
    in_root "$work/build" /src scripts/build-image.sh build
    say "built, $(du -sm "$work/build/opt/epaccs" | cut -f1) MB"
}

runtime_stage() {
    new_root runtime
    install -m 755 scripts/build-image.sh "$work/runtime/tmp/"
    in_root "$work/runtime" /tmp /tmp/build-image.sh runtime
    cp -a "$work/build/opt/epaccs" "$work/runtime/opt/"
    say "runtime root made"
}

# The service as the image runs it: its own user, its own home, no network but the loopback.
# `keys init` comes first because an empty home has no keys; outside a sandbox the operator brings them.
# shellcheck disable=SC2016  # the shell in the root expands
service_session='
    set -eu
    cd /var/lib/epaccs
    [ "$(id -u)" != 0 ] || { echo "runs as root" >&2; exit 1; }
    ! touch /opt/epaccs/written 2>/dev/null || { echo "can write to its own program" >&2; exit 1; }
    epaccs keys init
    epaccs serve --host 0.0.0.0 --port 8000 >/tmp/serve.log 2>&1 &
    service=$!
    for attempt in $(seq 60); do
        if ready; then
            echo "ready after $attempt health checks"
            kill -TERM $service
            wait $service || { status=$?; [ $status = 143 ] || { echo "stopped with $status" >&2; exit 1; }; }
            exit 0
        fi
        kill -0 $service 2>/dev/null || break
        sleep 0.5
    done
    cat /tmp/serve.log >&2
    echo "never got ready" >&2
    exit 1'
run_service() {
    # shellcheck disable=SC2016  # the inner shell expands
    isolated --net sh -c 'ip link set lo up; mount -t proc proc "$1/proc"; root=$1; shift
            exec chroot --userspec=epaccs:epaccs "$root" "$@"' sh "$work/runtime" \
        /usr/bin/env -i PATH=/opt/epaccs/bin:/usr/bin:/bin HOME=/var/lib/epaccs LANG=C.UTF-8 \
        EPACCS_ENV=sandbox EPACCS_HOME=/var/lib/epaccs PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
        sh -c "$service_session"
    say "the service got ready as its own user and stopped"
}

rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
base_root
build_stage
runtime_stage
run_service
