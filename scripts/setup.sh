#!/bin/sh
# Make .venv from the locked requirements, and .env with random secrets. Run it again at any time.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "setup: $1" >&2
    exit 1
}

# A name on PATH proves nothing: version managers put shims there that only print an error. So each candidate is run.
find_python() {
    for name in python3.15 python3.14 python3.13 python3.12 python3.11 python3 python; do
        found=$("$name" -c 'import sys; sys.version_info >= (3, 11) and print(sys.executable)' 2>/dev/null) || continue
        [ -n "$found" ] && echo "$found" && return
    done
    return 1
}

lock=requirements/dev.txt
if [ -n "${PYTHON:-}" ]; then
    python=$PYTHON
else
    python=$(find_python) || fail "Python 3.11 or newer is needed and none was found on PATH."
fi
stamp="$("$python" -c 'import sys; print(sys.version)' | tr '\n' ' ') $(cksum <"$lock") $PWD" || fail "$python does not run."

if [ "$(cat .venv/.stamp 2>/dev/null || true)" != "$stamp" ] || ! .venv/bin/python -c '' 2>/dev/null; then
    echo "setup: making .venv with $python"
    rm -rf .venv
    if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
        uv venv --quiet --python "$python" .venv || fail "uv could not make .venv."
        uv pip install --quiet --python .venv/bin/python --require-hashes -r "$lock" || fail "the packages could not be installed."
    else
        "$python" -c 'import venv, ensurepip' 2>/dev/null ||
            fail "this Python has no venv or pip. On Debian and Ubuntu: apt-get install python3-venv"
        "$python" -m venv .venv || fail "the virtual environment could not be made. On Debian and Ubuntu: apt-get install python3-venv"
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" ||
            fail "the packages could not be installed."
    fi
    echo "$stamp" >.venv/.stamp
fi

if [ ! -e .env ]; then
    .venv/bin/python scripts/make_env.py
fi
