#!/usr/bin/env bash
# Create .venv if it is absent or broken, and install Triage into it: create_venv.sh [EXTRA].
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

extra="${1:-}"
python="${PYTHON:-python3}"

fail() {
    echo "triage: $*" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "$python is missing: install Python 3.11 or newer, or set PYTHON."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version 2>&1) is too old: Triage needs Python 3.11 or newer; set PYTHON to choose another one."

# Debian keeps ensurepip in a package of its own.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "$python cannot create virtual environments: install python$version-venv."
    fi
    echo "    installing python$version-venv"
    flock /tmp/triage-apt.lock apt-get update -qq
    DEBIAN_FRONTEND=noninteractive flock /tmp/triage-apt.lock apt-get install -y -qq --no-install-recommends "python$version-venv" >/dev/null
fi

# One whose interpreter has gone or is too old is made anew.
.venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    "$python" -m venv --clear .venv

# Both names: newer versions of pip take the constraints of the build's own packages from the second.
export PIP_CONSTRAINT="$PWD/constraints.txt" PIP_BUILD_CONSTRAINT="$PWD/constraints.txt"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
echo "    installing into .venv"
.venv/bin/python -m pip install --quiet --editable ./clients/python --editable ".${extra:+[$extra]}"

touch .venv/installed-runtime
if [ "$extra" = test ]; then
    touch .venv/installed-test
fi
