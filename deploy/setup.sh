#!/bin/sh
# Makes .venv: finds or installs uv, finds or installs Python >= 3.12, installs exactly what requirements.lock says.
# Prints nothing when there is nothing to do. Called by the Makefile; safe to run by hand.
set -eu
cd "$(dirname "$0")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/resilience-suite"
stamp=".venv/installed-$(sha256sum requirements.lock | cut -c1-16)"
[ -e "$stamp" ] && exit 0

fail() { printf '%s\n  fix: %s\n' "$1" "$2" >&2; exit 69; }

find_uv() {
  command -v uv && return
  [ -x "$cache/uv/bin/uv" ] || {
    command -v python3 >/dev/null || fail "neither uv nor python3 is installed" "install uv (https://docs.astral.sh/uv)"
    echo "installing uv into the cache" >&2
    python3 -m venv "$cache/uv" >&2 || fail "python3 cannot make virtual environments" "apt-get install python3-venv"
    "$cache/uv/bin/pip" install --quiet "uv>=0.5" >&2 || fail "uv could not be installed" "check the network, or install uv by hand"
  }
  echo "$cache/uv/bin/uv"
}

find_python() {
  "$1" python find --no-python-downloads '>=3.12' 2>/dev/null && return
  # pyenv's shims hide the interpreters that it has.
  for python in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python; do found=$python; done
  [ -x "${found:-}" ] && echo "$found" && return
  "$1" python install 3.13 >&2 && "$1" python find 3.13 && return
  fail "no Python >= 3.12 was found and none could be installed" "install Python 3.12 or newer, or set UV_PYTHON to one"
}

uv=$(find_uv)
python=${UV_PYTHON:-$(find_python "$uv")}
# What was installed is written down last: a set-up that was cut off is done again.
"$uv" venv --quiet --allow-existing --python "$python" .venv || fail "$python cannot make the environment" "set UV_PYTHON to a Python >= 3.12"
VIRTUAL_ENV="$PWD/.venv" "$uv" pip sync --quiet --require-hashes requirements.lock || fail "the Python packages could not be installed" "check the network and run again"
# So that `chaos`, `locust` and `pytest` find our folders from anywhere, as `python -m` does from here.
for packages in .venv/lib/python3*/site-packages; do
  if [ -d "$packages" ]; then echo "$PWD" >"$packages/resilience-suite.pth"; fi
done
rm -f .venv/installed-*
touch "$stamp"
