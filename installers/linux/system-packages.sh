#!/usr/bin/env bash
# Install what Qt, OpenGL, a virtual display and compiling the kernels need on Debian or Ubuntu, and
# only what is missing.
# As root it installs; otherwise it prints the one line to run, and goes on.
set -euo pipefail

# Library or program : the package that holds it. Asked for by library, not by package, because
# Ubuntu renames packages (libglib2.0-0t64) and keeps the libraries.
libraries=(
    libEGL.so.1:libegl1
    libGL.so.1:libgl1
    libX11-xcb.so.1:libx11-xcb1
    libdbus-1.so.3:libdbus-1-3
    libfontconfig.so.1:libfontconfig1
    libfreetype.so.6:libfreetype6
    libglib-2.0.so.0:libglib2.0-0
    libxcb-cursor.so.0:libxcb-cursor0
    libxcb-icccm.so.4:libxcb-icccm4
    libxcb-image.so.0:libxcb-image0
    libxcb-keysyms.so.1:libxcb-keysyms1
    libxcb-randr.so.0:libxcb-randr0
    libxcb-render-util.so.0:libxcb-render-util0
    libxcb-shape.so.0:libxcb-shape0
    libxcb-xkb.so.1:libxcb-xkb1
    libxkbcommon-x11.so.0:libxkbcommon-x11-0
)
# The tests open the agreement report in a browser.
programs=(Xvfb:xvfb xvfb-run:xvfb cc:gcc chromium:chromium)
# Looked for as packages: they hold files that nothing on the path shows.
packages=(fonts-dejavu-core libgl1-mesa-dri)

missing=()
known=$(PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null || true)
for entry in "${libraries[@]}"; do
    grep -q "${entry%%:*} " <<<"$known" || missing+=("${entry##*:}")
done
for entry in "${programs[@]}"; do
    command -v "${entry%%:*}" >/dev/null 2>&1 || missing+=("${entry##*:}")
done
if command -v dpkg >/dev/null 2>&1; then
    for package in "${packages[@]}"; do
        dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    # Headers that a compiler needs; gcc only recommends them.
    [ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
    # The tests run the store on a PostgreSQL server of their own.
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
    # venv is a package of its own on Debian.
    if ! python3 -c 'import ensurepip' >/dev/null 2>&1; then
        missing+=(python3 python3-venv)
    fi
fi

[ ${#missing[@]} -eq 0 ] && exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

if ! command -v apt-get >/dev/null 2>&1; then
    echo "These system packages seem to be missing (Debian's names): ${missing[*]}" >&2
elif [ "$(id -u)" -ne 0 ]; then
    echo "Some system packages are missing. If something does not start, run:" >&2
    echo "  sudo apt-get install -y ${missing[*]}" >&2
else
    echo "Installing system packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # A cluster started on installation would be one nobody uses; the tests start their own.
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
