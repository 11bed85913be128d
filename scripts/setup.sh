#!/usr/bin/env bash
# Installs what one make target needs on a Debian-like machine, and nothing when it is there already.
# Usage: scripts/setup.sh c|python|node|sanitize|lint|fuzz|coverage|mingw|bench ...
# Needs root or sudo only when a package is missing. Python packages go to out/venv, npm packages to node_modules.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p out

say() { printf 'setup: %s\n' "$*" >&2; }

# A package is wanted only when the program or file it is wanted for is missing: a compiler that was
# installed by hand is as good as Debian's.
missing=()
want() { # PACKAGE PROGRAM|/FILE
    case "$2" in
        /*) compgen -G "$2" >/dev/null || missing+=("$1") ;;
        *) command -v "$2" >/dev/null 2>&1 || missing+=("$1") ;;
    esac
}

install_missing() {
    [ "${#missing[@]}" -eq 0 ] && return 0
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { say "missing: ${missing[*]}; run as root, install sudo, or install them yourself"; exit 1; }
        root=(sudo)
    fi
    command -v apt-get >/dev/null || { say "missing: ${missing[*]}; there is no apt-get here, install them yourself"; exit 1; }
    say "installing ${missing[*]}"
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    missing=()
    hash -r
}

want_c() {
    want gcc gcc; want libc6-dev /usr/include/stdlib.h; want pkg-config pkg-config
    want libsodium-dev /usr/include/sodium.h; want binutils nm
}

want_clang() { want clang clang; want libclang-rt-14-dev '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.asan-*.a'; want llvm llvm-symbolizer; }

want_python() { want python3 python3; want python3-venv '/usr/lib/python3*/ensurepip'; want python3-dev '/usr/include/python3*/Python.h'; }

# A venv is renewed when a list of requirements changes.
venv() { # NAME
    local list="scripts/requirements-$1.txt" stamp="out/venv/.$1"
    if [ ! -x out/venv/bin/python ]; then
        say "making out/venv"
        python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { say "Python 3.11 or later is needed, python3 is $(python3 -V)"; exit 1; }
        rm -rf out/venv
        python3 -m venv out/venv
        # The package is imported from the checkout, with the extension built in place.
        echo "$PWD/python" >"$(out/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/tallystick-checkout.pth"
    fi
    if ! cmp -s "$list" "$stamp"; then
        say "installing Python packages of $list"
        out/venv/bin/python -m pip install -q --disable-pip-version-check -r "$list"
        cp "$list" "$stamp"
    fi
}

# Debian 12 has Node 18, which is too old: then a Node 20 comes as a Python package into out/venv.
node_ready() { command -v node >/dev/null && command -v npm >/dev/null && node -e 'process.exit(Number(process.versions.node.split(".")[0] < 20))'; }

setup_node() {
    export PATH="$PWD/out/venv/bin:$PATH"
    if ! node_ready; then want_python; install_missing; venv node; hash -r; fi
    node_ready || { say "Node 20 or later with npm is needed"; exit 1; }
    if ! cmp -s package-lock.json node_modules/.tallystick-lock; then
        say "installing npm packages"
        npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
        cp package-lock.json node_modules/.tallystick-lock
    fi
}

for what in "$@"; do
    case "$what" in
        c) want_c; install_missing ;;
        coverage) want_c; want gcovr gcovr; install_missing ;;
        sanitize | fuzz) want_c; want_clang; install_missing ;;
        mingw) want gcc-mingw-w64-x86-64 x86_64-w64-mingw32-gcc; install_missing ;;
        headers) want g++ g++; install_missing ;;
        python) want_c; want_python; install_missing; venv test ;;
        node) want_c; want make make; want_python; install_missing; setup_node ;;
        lint)
            want_c; want_python; want clang-format clang-format; want clang-tidy clang-tidy; want cppcheck cppcheck
            install_missing; venv test; venv lint; venv bench; setup_node ;;
        bench)
            want_c; want_python; want libsqlite3-dev /usr/include/sqlite3.h; want liblmdb-dev /usr/include/lmdb.h
            install_missing; venv test; venv bench; setup_node ;;
        valgrind) want valgrind valgrind; install_missing ;;
        *) say "unknown: $what"; exit 2 ;;
    esac
done
