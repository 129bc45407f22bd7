# Debian packages that are missing. Subjects call need; install_missing gets them all in one go. Sourced, not run.
# shellcheck shell=bash

MISSING=()

# need PACKAGE COMMAND: the package, where the command is not there.
need() { have "$2" || MISSING+=("$1"); }

install_missing() {
    [ "${#MISSING[@]}" -gt 0 ] || return 0
    local command="apt-get install --no-install-recommends ${MISSING[*]}"
    have apt-get || die "missing, and this is no Debian or Ubuntu; please install what they call: ${MISSING[*]}"
    may_be_root || die "missing Debian packages, and this user may not install them. Please run: sudo $command"
    say "installing Debian packages: ${MISSING[*]}"
    hold_services_back
    local failed=""
    apt_get update || say "apt-get update failed; trying with the package lists that are here"
    apt_get install --no-install-recommends "${MISSING[@]}" || failed=yes
    let_services_go
    [ -z "$failed" ] || die "could not install them. Please run: sudo $command"
}

# Quiet unless it fails.
apt_get() {
    local log
    log="$(mktemp)"
    if as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -y -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null >"$log" 2>&1; then
        rm -f "$log"
    else
        tail -n 20 "$log" >&2
        rm -f "$log"
        return 1
    fi
}

# We want programs, not services: nothing is started, and PostgreSQL's package makes no cluster "main". Both rules hold
# only while we install; clusters and services that are there already are not touched.
POLICY=/usr/sbin/policy-rc.d
NO_CLUSTER=/etc/postgresql-common/createcluster.d/burgernet-setup.conf

hold_services_back() {
    HELD_BACK=()
    trap let_services_go EXIT
    if [ ! -e "$POLICY" ]; then
        HELD_BACK+=("$POLICY")
        printf '#!/bin/sh\nexit 101\n' | as_root install -D -m 755 /dev/stdin "$POLICY"
    fi
    if [[ " ${MISSING[*]} " = *" postgresql "* ]]; then
        HELD_BACK+=("$NO_CLUSTER")
        printf 'create_main_cluster = false\n' | as_root install -D -m 644 /dev/stdin "$NO_CLUSTER"
    fi
}

let_services_go() {
    [ "${#HELD_BACK[@]}" = 0 ] || as_root rm -f "${HELD_BACK[@]}"
    trap - EXIT
}
