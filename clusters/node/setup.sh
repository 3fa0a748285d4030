#!/usr/bin/env bash
# Installs the checkout on this node, with the versions of constraints.txt. Does nothing if it is installed already.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=clusters/node/environment.sh
. clusters/node/environment.sh
python=${RETABLE_PYTHON:-python3}

# `ray down` runs `ray stop` in a login shell, which must find it. It comes last in the path, so it hides none of your programs.
# shellcheck disable=SC2016
on_path='export PATH="$PATH:'$root'/.venv/bin"  # ray, mlflow and retable'
grep -qxF "$on_path" ~/.bashrc 2> /dev/null || echo "$on_path" >> ~/.bashrc

exec 9> .setup.lock  # nodes may share a home folder
flock 9
what=.
[ -z "${RETABLE_POSTGRES_URL:-}" ] || what='.[postgres]'
stamp=$({ cat pyproject.toml constraints.txt; echo "$what"; } | sha256sum)
[ "$(cat .venv/.ready 2> /dev/null)" != "$stamp" ] || exit 0

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Retable needs Python 3.11 or newer, but {sys.executable} is {sys.version.split()[0]}; name another by RETABLE_PYTHON in clusters/node/settings.env")'
echo "Installing Retable on $(hostname): minutes the first time."
"$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e "$what"
echo "$stamp" > .venv/.ready
