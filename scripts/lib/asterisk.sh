# Asterisk 20 or newer: the machine's own, or Debian's in .state/asterisk, which touches nothing else. Sourced, not run.
# shellcheck shell=bash

ASTERISK_HOME="$ROOT/.state/asterisk"
ASTERISK_OLDEST=20
# Neither Debian 12 nor 13 packages Asterisk; sid does. Its package runs on any of them, with its own libraries.
ASTERISK_SUITE="${BURGERNET_ASTERISK_SUITE:-sid}"
ASTERISK_MIRROR="${BURGERNET_ASTERISK_MIRROR:-}"

# asterisk_version PROGRAM: "22.10.1", or nothing where it does not run.
asterisk_version() { "$1" -V 2>/dev/null </dev/null | sed -n 's/^Asterisk \([0-9][0-9.]*\).*/\1/p'; }

is_new_enough() {
    local version
    version="$(asterisk_version "$1")"
    [ -n "$version" ] && [ "${version%%.*}" -ge "$ASTERISK_OLDEST" ]
}

# Sets ASTERISK, empty where none is here yet; then asks for the Debian packages that fetch one.
choose_asterisk() {
    ASTERISK=""
    local candidate
    for candidate in "${BURGERNET_ASTERISK:-}" "$(command -v asterisk || true)" "$ASTERISK_HOME/asterisk"; do
        [ -n "$candidate" ] && is_new_enough "$candidate" || continue
        ASTERISK="$candidate"
        return
    done
    need mmdebstrap mmdebstrap
    # Ubuntu's apt does not know Debian's signatures by itself.
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || MISSING+=(debian-archive-keyring)
}

install_asterisk() {
    if [ -n "$ASTERISK" ]; then
        note "Asterisk $(asterisk_version "$ASTERISK") ($ASTERISK)"
        return
    fi
    say "fetching Debian's Asterisk into .state/asterisk (some 60 MB; half a minute)"
    ASTERISK_NEW="$(mktemp -d "$ROOT/.state/asterisk.XXXXXX")"
    trap 'rm -rf -- "$ASTERISK_NEW"' EXIT
    extract_asterisk
    keep_what_runs
    write_asterisk_wrapper
    is_new_enough "$ASTERISK_NEW/asterisk" || die "Debian's Asterisk does not run here: $("$ASTERISK_NEW/asterisk" -V 2>&1)"
    rm -rf -- "$ASTERISK_HOME"
    mv -- "$ASTERISK_NEW" "$ASTERISK_HOME"
    trap - EXIT
    say "Asterisk $(asterisk_version "$ASTERISK_HOME/asterisk") is in .state/asterisk"
}

# Packages are unpacked, never configured: no script of theirs runs. apt checks the signatures.
extract_asterisk() {
    # As root mmdebstrap has its plain way; anybody else unpacks without becoming root anywhere.
    local mode=chrootless
    ! am_root || mode=root
    local log="$ASTERISK_NEW/log" command=(mmdebstrap --mode="$mode" --variant=extract --include=asterisk
        --aptopt='APT::Install-Recommends "false"')
    local target=("$ASTERISK_SUITE" "$ASTERISK_NEW/root")
    [ -z "$ASTERISK_MIRROR" ] || target+=("$ASTERISK_MIRROR")
    TMPDIR="$ASTERISK_NEW" "${command[@]}" "${target[@]}" >"$log" 2>&1 && return
    # A frozen mirror's list is signed and has expired: only then is its age overlooked.
    if grep -q 'is expired' "$log"; then
        say "the mirror's list has expired (its signature is good); using it all the same"
        rm -rf -- "$ASTERISK_NEW/root"
        TMPDIR="$ASTERISK_NEW" "${command[@]}" --aptopt='Acquire::Check-Valid-Until "false"' "${target[@]}" \
            >"$log" 2>&1 && return
    fi
    tail -n 20 "$log" >&2
    die "could not fetch Asterisk; an Asterisk $ASTERISK_OLDEST or newer in the path would do as well"
}

# The program, its modules, its documentation (it reads its options' from there), the libraries and all licences: a third.
keep_what_runs() {
    local root="$ASTERISK_NEW/root"
    mkdir -p "$ASTERISK_NEW/usr/share/doc"
    mv -- "$root/usr/sbin" "$root/usr/lib" "$ASTERISK_NEW/usr/"
    mv -- "$root/usr/share/asterisk" "$ASTERISK_NEW/usr/share/"
    (cd "$root/usr/share/doc" && find . -name copyright -type f -exec cp --parents -t "$ASTERISK_NEW/usr/share/doc" {} +)
    find "$ASTERISK_NEW/usr/sbin" -mindepth 1 ! -name asterisk -delete
    find "$ASTERISK_NEW/usr/lib" -mindepth 1 -maxdepth 1 ! -name '*-linux-gnu*' -exec rm -rf -- {} +
    rm -rf -- "$root" "$ASTERISK_NEW/log" "$ASTERISK_NEW"/usr/lib/*/perl* "$ASTERISK_NEW"/usr/lib/*/gconv
}

# Debian's newer libraries must not meet the machine's older ones: its own loader starts it, and finds only its own.
write_asterisk_wrapper() {
    local loader
    loader="$(cd "$ASTERISK_NEW" && echo usr/lib/*/ld-linux*.so.*)"
    cat >"$ASTERISK_NEW/asterisk" <<EOF
#!/bin/sh
# Debian's Asterisk with its own loader and libraries. Made by scripts/setup.
here="\$(dirname -- "\$(readlink -f -- "\$0")")"
exec "\$here/$loader" --library-path "\$here/$(dirname -- "$loader")" --argv0 asterisk "\$here/usr/sbin/asterisk" "\$@"
EOF
    chmod 755 "$ASTERISK_NEW/asterisk" "$ASTERISK_NEW"
}
