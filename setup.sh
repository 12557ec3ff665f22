#!/usr/bin/env bash
# Makes .venv with both packages, editable, in the versions of constraints.txt.
#
#   ./setup.sh           what training, playing and studying need
#   ./setup.sh test      that, and what the tests need
#   ./setup.sh bench     that, and the libraries that speed is compared with
#
# Takes uv where it is installed, plain venv and pip otherwise. Does nothing when the environment is up to date.
# PYTHON=python3.12 ./setup.sh chooses the interpreter; VENV=dir another place than .venv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

kind=${1:-run}
case $kind in
    run) extra=() ;;
    test) extra=(--group dev --group clients) ;;
    bench) extra=(--group bench) ;;
    *) echo "setup.sh: unknown argument '$kind'. Use no argument, 'test' or 'bench'." >&2; exit 2 ;;
esac
venv=${VENV:-.venv}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10 python; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2])' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "setup.sh: Python 3.10 or newer is needed and none was found. Install it, or name one: PYTHON=/path/to/python3 ./setup.sh" >&2
    exit 1
}

# What the environment is made from; when this changes, it is brought up to date.
inputs=$(cat setup.sh constraints.txt pyproject.toml packages/*/pyproject.toml | cksum | tr ' ' '-')
stamp="$venv/.setup-$kind-$inputs"
made=("$stamp")
# Every kind includes what runs need.
if [ "$kind" = run ]; then made=("$venv"/.setup-*-"$inputs"); fi
if [ -e "${made[0]}" ]; then exit 0; fi

packages=()
for project in packages/*/pyproject.toml; do
    extras=""
    if grep -q '^render = ' "$project"; then extras="[render]"; fi
    packages+=(-e "./${project%/pyproject.toml}$extras")
done
groups=(--group tools "${extra[@]+"${extra[@]}"}")

if command -v uv >/dev/null 2>&1; then
    echo "setup.sh: making $venv with uv"
    [ -x "$venv/bin/python" ] || uv venv --quiet --python "$(find_python)" "$venv"
    links=()
    if [ -n "${PIP_FIND_LINKS:-}" ]; then for place in $PIP_FIND_LINKS; do links+=(--find-links "$place"); done; fi
    uv pip install --quiet --python "$venv/bin/python" "${links[@]+"${links[@]}"}" -c constraints.txt "${groups[@]}" "${packages[@]}"
else
    echo "setup.sh: making $venv with venv and pip"
    if [ ! -x "$venv/bin/python" ] && ! "$(find_python)" -m venv "$venv"; then
        echo "setup.sh: the venv module is not complete. On Debian and Ubuntu: apt-get install python3-venv" >&2
        rm -rf "$venv"
        exit 1
    fi
    # Dependency groups came with pip 25.1.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'pip>=25.1' -c constraints.txt
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt "${groups[@]}" "${packages[@]}"
fi
rm -f "$venv"/.setup-"$kind"-*
touch "$stamp"
