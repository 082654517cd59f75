#!/bin/sh
# Tries port 25 in both directions and installs nothing: curl -fsSL https://aimx.email/portcheck.sh | sh
#
# Fetches the installer and runs it with --port-check-only; other options are passed on to it (--help).

# shellcheck disable=SC2329  # functions that traps call
{ # A shell reads as far as the brace in the last line before it does anything, so half of this script does nothing.

# ---- constants: the release build writes these anew, and nothing else in this file ----
INSTALLER_URL='https://aimx.email/install.sh'
STALL_SECONDS='30'
# ---- end of constants ----

set -u
umask 077

# fail TEXT: nothing is known about the port.
fail() {
    printf '[error] %s\n' "$*" >&2
    exit 2
}

CHILD='' FILE=''
cleanup() {
    trap '' INT TERM HUP PIPE
    [ -z "$CHILD" ] || kill "$CHILD" 2>/dev/null
    [ -z "$FILE" ] || rm -f -- "$FILE"
}

# interrupted STATUS
interrupted() {
    trap - EXIT
    cleanup
    exit "$1"
}

# allowed: HTTPS; files; plain HTTP to this very machine.
allowed() {
    case $1 in
    https://[A-Za-z0-9\[]*) ;;
    file:///*) ;;
    http://127.0.0.1/* | http://127.0.0.1:[0-9]*/* | http://\[::1\]/* | http://\[::1\]:[0-9]*/*)
        case ${1#http://} in *@*) return 1 ;; esac
        ;;
    *) return 1 ;;
    esac
}

fetch() {
    case $1 in
    file://*) exec cp -- "${1#file://}" "$FILE" ;;
    http://*) scheme='=http' ;;
    *) scheme='=https' ;;
    esac
    if command -v curl >/dev/null 2>&1; then
        exec curl -q -fsSL --proto "$scheme" --proto-redir "$scheme" --connect-timeout "$STALL_SECONDS" \
            --speed-limit 1 --speed-time "$STALL_SECONDS" -o "$FILE" -- "$1"
    elif command -v wget >/dev/null 2>&1; then
        exec wget -q -T "$STALL_SECONDS" -O "$FILE" "$1"
    fi
    fail "curl or wget is needed to fetch the check, and neither is here"
}

main() {
    url=${AIMX_INSTALL_URL:-$INSTALLER_URL}
    allowed "$url" || fail "refusing non-HTTPS URL: $url"
    random=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
    trap cleanup EXIT
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM
    trap 'interrupted 129' HUP
    trap 'interrupted 141' PIPE
    FILE=${TMPDIR:-/tmp}/aimx-portcheck.$random
    (set -C && : >"$FILE") 2>/dev/null || {
        file=$FILE FILE=''
        fail "$file cannot be made; TMPDIR names another place"
    }
    fetch "$url" </dev/null &
    CHILD=$!
    wait "$CHILD" || fail "the check could not be fetched: $url"
    CHILD=''
    sh "$FILE" --port-check-only "$@"
}

main "$@"
exit $?
}
