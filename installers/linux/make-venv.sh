#!/usr/bin/env bash
# Make a virtual environment with the newest Python of ours that works: make-venv.sh DIR
# ANNOTATOR_PYTHON names the Python to use instead.
set -euo pipefail

venv=${1:?usage: make-venv.sh DIR}

# A python that is there but cannot run or make environments (a shim, a missing ensurepip) is
# passed over, not stumbled upon.
works() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -x "$venv/bin/python" ] && works "$venv/bin/python"; then
    exit 0
fi

for python in ${ANNOTATOR_PYTHON:-} python3.13 python3.12 python3.11 python3; do
    if command -v "$python" >/dev/null 2>&1 && works "$python"; then
        echo "Making $venv with $("$python" -V)"
        "$python" -m venv --clear "$venv"
        exit 0
    fi
done

cat >&2 <<'END'
No Python 3.11 or newer that can make a virtual environment was found. Install one, then try again:
  Debian 12, Ubuntu 24.04 and newer:  sudo apt-get install python3 python3-venv
  Ubuntu 22.04:                       sudo apt-get install python3.11 python3.11-venv
END
exit 1
