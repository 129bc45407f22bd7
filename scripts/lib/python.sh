# Python 3.11 to 3.13, the virtual environment and the package in it. Sourced, not run.
# shellcheck shell=bash

SUPPORTED='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
STAMP="$VENV/.setup"

is_supported() { "$1" -c "$SUPPORTED" >/dev/null 2>&1; }

can_make_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

version_of() { "$1" -c 'import platform; print(platform.python_version())'; }

# An environment is ours to use when it runs, still has its pip (a newer system Python finds none), and was made at this
# place: the scripts in it name their path.
venv_is_sound() {
    is_supported "$VENV/bin/python" &&
        "$VENV/bin/python" -c 'import pip' 2>/dev/null &&
        grep -qsF "$VENV/bin/python" "$VENV/bin/pip"
}

# The first that suits, of: BURGERNET_PYTHON, python3 on the path, versioned ones, pyenv's, the system's own.
python_candidates() {
    [ -z "${BURGERNET_PYTHON:-}" ] || echo "$BURGERNET_PYTHON"
    local version path
    for path in python3 python3.13 python3.12 python3.11; do command -v "$path" || true; done
    for version in 3.13 3.12 3.11; do
        for path in "${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}/versions/$version".*/bin/python3; do echo "$path"; done
    done
    for version in 3 3.13 3.12 3.11; do echo "/usr/bin/python$version"; done
}

# Sets PYTHON, empty where .venv is there already; asks for the Debian package that it lacks.
choose_python() {
    PYTHON=""
    venv_is_sound && return
    local candidate
    while read -r candidate; do
        is_supported "$candidate" || continue
        if can_make_venv "$candidate"; then
            PYTHON="$candidate"
            return
        fi
        PYTHON="${PYTHON:-$candidate}"
    done < <(python_candidates)
    # Debian keeps ensurepip in a package of its own.
    if [ -n "$PYTHON" ]; then
        MISSING+=("python$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv")
    else
        choose_debian_python
    fi
}

choose_debian_python() {
    local version
    ! have apt-get || ! may_be_root || apt_get update || true
    for version in 3.13 3.12 3.11; do
        if have apt-cache && apt-cache show "python$version-venv" >/dev/null 2>&1; then
            PYTHON="/usr/bin/python$version"
            MISSING+=("python$version-venv")
            return
        fi
    done
    die "no Python 3.11, 3.12 or 3.13 here; install one and name it in BURGERNET_PYTHON"
}

make_venv() {
    if [ -z "$PYTHON" ]; then
        note "Python $(version_of "$VENV/bin/python") in .venv"
        return
    fi
    say "making .venv with Python $(version_of "$PYTHON") ($PYTHON)"
    "$PYTHON" -m venv --clear "$VENV"
}

# What the installed package depends on: change any of it and pip is called again.
package_fingerprint() {
    "$VENV/bin/python" - "$ROOT/pyproject.toml" "$VENV" <<'PYTHON'
import hashlib, json, platform, sys, tomllib
with open(sys.argv[1], "rb") as file:
    settings = tomllib.load(file)
parts = [platform.python_version(), sys.argv[2], settings["build-system"], settings["project"]]
print(hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest())
PYTHON
}

install_package() {
    local fingerprint
    fingerprint="$(package_fingerprint)"
    if [ "$(cat "$STAMP" 2>/dev/null)" = "$fingerprint" ]; then
        note "the package and its extras are in .venv"
        return
    fi
    say "installing the package and its extras into .venv (a minute or two the first time)"
    local pip=("$VENV/bin/python" -m pip --quiet --disable-pip-version-check --no-input)
    (cd "$ROOT" && "${pip[@]}" install --editable '.[dev]') ||
        die "pip could not install them; without network it cannot, the first time"
    echo "$fingerprint" >"$STAMP"
}
