# What every script shares: where the checkout is, how it talks, how it becomes root. Sourced, not run.
# shellcheck shell=bash

unset CDPATH
ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)"
VENV="$ROOT/.venv"
NAME="$(basename -- "$0")"
QUIET="${QUIET:-}"

# An empty environment has no sbin in its path, and dpkg wants it.
export PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin"

# Something that is being done.
say() { printf '%s: %s\n' "$NAME" "$*" >&2; }

# Something that needed no doing.
note() { [ -n "$QUIET" ] || say "$@"; }

die() {
    say "$@"
    exit 1
}

# The comment at the head of a script is its help.
help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$0"; }

have() { command -v "$1" >/dev/null 2>&1; }

am_root() { [ "$(id -u)" = 0 ]; }

may_be_root() { am_root || { have sudo && sudo -n true 2>/dev/null; }; }

as_root() {
    if am_root; then "$@"; else sudo -n "$@"; fi
}
