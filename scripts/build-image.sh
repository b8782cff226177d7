#!/bin/sh
# The steps of the container image, one stage per call: the Dockerfile runs them in Debian bookworm images,
# scripts/check-image.sh in Debian bookworm roots.
#
#   tools     what the build stage needs from Debian
#   build     /opt/epaccs: an environment with the product, its packages and its FHIR definitions, nothing else
#   runtime   what the final stage needs from Debian, and the user the service runs as
set -eu

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >/tmp/apt.log 2>&1 ||
        { cat /tmp/apt.log >&2; exit 1; }
    rm -rf /tmp/apt.log /var/lib/apt/lists/*
}

tools() {
    apt_install ca-certificates npm python3 python3-venv
}

build() {
    python3 -m venv /opt/epaccs
    pip="/opt/epaccs/bin/python -m pip --disable-pip-version-check --no-cache-dir --quiet"
    $pip install --require-hashes --only-binary :all: --requirement requirements-runtime.lock
    npm ci --ignore-scripts --no-audit --no-fund --silent
    /opt/epaccs/bin/python -m fhir_profiles.build_definitions node_modules
    $pip install --no-deps --no-build-isolation .
    # nothing is installed into the image after this line
    $pip uninstall --yes setuptools pip
    install -m 755 scripts/ready.py /opt/epaccs/bin/ready
}

runtime() {
    apt_install ca-certificates python3
    useradd --uid 10001 --home-dir /var/lib/epaccs --no-create-home --shell /usr/sbin/nologin epaccs
    install -d -o epaccs -g epaccs -m 700 /var/lib/epaccs
}

case "${1:-}" in
    tools | build | runtime) "$1" ;;
    *) echo "usage: $0 tools | build | runtime" >&2; exit 2 ;;
esac
