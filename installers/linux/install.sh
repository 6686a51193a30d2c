#!/usr/bin/env bash
# Install annotator for one person: install.sh WHEEL [pip options…]
#
# A virtual environment of its own, a command in ~/.local/bin and an entry in the desktop's menu.
# Nothing outside the person's home is touched. Installing again replaces what was there.
# ANNOTATOR_EXTRAS= (set and empty) installs the command line without a window.
set -euo pipefail

wheel=${1:?usage: install.sh WHEEL [pip options…]}
shift
here=$(cd "$(dirname "$0")" && pwd)
extras=${ANNOTATOR_EXTRAS-[app]}
data=${XDG_DATA_HOME:-$HOME/.local/share}
prefix=$data/annotator-program
bin=$HOME/.local/bin

mkdir -p "$prefix" "$bin" "$data/applications"
rm -rf "$prefix/venv"
"$here/make-venv.sh" "$prefix/venv"
"$prefix/venv/bin/python" -m pip install --quiet "$@" "$wheel$extras"

"$prefix/venv/bin/annotator" --help >/dev/null
ln -sfn "$prefix/venv/bin/annotator" "$bin/annotator"
cp "$here/annotator.svg" "$prefix/annotator.svg"
sed "s|@PREFIX@|$prefix|g" "$here/annotator.desktop" >"$data/applications/annotator.desktop"

echo "Installed: $bin/annotator"
case ":$PATH:" in
*":$bin:"*) ;;
*) echo "Add $bin to PATH to call it by name." ;;
esac
