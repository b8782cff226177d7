#!/bin/sh
# Prints the first Python on PATH that can make the product's environment: 3.11 or newer, with venv and its pip.
# 3.11 comes first: it is the version that every check runs on.
for name in python3.11 python3.12 python3.13 python3.14 python3; do
    if "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        command -v "$name"
        exit 0
    fi
done
echo "No Python 3.11 or newer with venv was found (Debian: apt-get install python3 python3-venv)." >&2
exit 1
