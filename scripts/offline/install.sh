#!/bin/sh
# Install bedside from this folder, without any network.
#   ./install.sh [FOLDER]     default: /opt/bedside. An earlier bedside there is brought to this version.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
target="${1:-/opt/bedside}"
wanted="$(cat "$here/PYTHON")"
python="${PYTHON:-$wanted}"

cd "$here"
# Each file as listed, and no wheel that is not.
if ! sha256sum --check --quiet --strict SHA256SUMS || [ "$(find wheels -type f | wc -l)" != "$(grep -c '  \./wheels/' SHA256SUMS)" ]; then
    echo "install.sh: the files are not those that were packed; copy the archive again" >&2
    exit 1
fi
found="$("$python" -c 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}")' 2>/dev/null || true)"
if [ "$found" != "$wanted" ]; then
    echo "install.sh: these wheels are for $wanted; install it, or name it: PYTHON=/path/to/$wanted ./install.sh" >&2
    exit 2
fi
if [ ! -x "$target/bin/python" ] && ! "$python" -m venv "$target"; then
    echo "install.sh: Python's venv is missing (Debian: the package $wanted-venv), or $target cannot be written" >&2
    exit 2
fi
# Without settings of this machine's pip: one that names a folder of wheels would bring in others than those checked above.
PIP_CONFIG_FILE=/dev/null "$target/bin/python" -m pip --isolated --disable-pip-version-check --quiet install --no-index --find-links wheels --upgrade "bedside==$(cat VERSION)"
install -m 755 ward "$target/ward"
"$target/bin/bedside" --version
