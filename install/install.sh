#!/bin/sh
# Installs AIMX, or brings an installed one up to date: curl -fsSL https://aimx.email/install.sh | sh
#
# For any POSIX sh (dash, BusyBox ash, bash). `--help` tells the options; AIMX_DRY_RUN=1 shows every step and takes none.
# Nothing is touched before what was downloaded has the checksum that a release states, and the release our signature.
# Whatever ends this script, the program that ran before still does: a new one takes its place in one rename.

# shellcheck disable=SC2329  # some functions are called by a name that is put together, or by a trap
{ # A shell reads as far as the brace in the last line before it does anything, so half of this script does nothing.

# ---- constants: the release build writes these five anew, and nothing else in this file ----
MANIFEST_URL='https://api.github.com/repos/uzyn/aimx/releases/latest'
INSTALLER_URL='https://aimx.email/install.sh'
RELEASE_KEYS=''
MINIMUM_GLIBC='2.36'
STALL_SECONDS='30'
# ---- end of constants ----

DOCS_URL='https://aimx.email/book/installation.html'
VERIFIER_URL='https://check.aimx.email'
TARGETS='x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu x86_64-unknown-linux-musl aarch64-unknown-linux-musl'
MOST_REDIRECTS=5
TREES=/usr/local/lib/aimx # where programs unpack themselves for root
# Of what may come: manifest and checksums, the signature, the archive; in blocks of 512 octets, as `ulimit -f` counts.
LIST_BLOCKS=8192 SIGNATURE_BLOCKS=32 ARCHIVE_BLOCKS=1048576

set -u
umask 022
LOCALE=${LC_ALL-}
LC_ALL=C
export LC_ALL

# ---------------------------------------------------------------------------------------------------------------------
# Words

usage() {
    cat <<'EOF'
Usage: install.sh [OPTIONS]
       curl -fsSL https://aimx.email/install.sh | sh -s -- [OPTIONS]

Installs AIMX and starts its setup; brings an installed AIMX up to date.

Options:
  --tag <VERSION>      Install this release, e.g. 0.1.0            [env: AIMX_VERSION]
  --target <TRIPLE>    Install the build for this target, not the detected one
  --to <DIR>           Install into <DIR>/aimx                     [env: AIMX_PREFIX]
                       (default: /usr/local/bin)
  --force              Install again even if that version is there
  --domain <DOMAIN>    Set up this domain, without asking for it   [env: AIMX_DOMAIN]
  --port-check-only    Try port 25 in both directions; install nothing
  --verify-host <URL>  Verifier that tries port 25                 [env: AIMX_VERIFY_HOST]
                       (default: https://check.aimx.email)
  -h, --help           Print this

Environment only:
  AIMX_NONINTERACTIVE=1      Ask nothing, here and in setup
  AIMX_DRY_RUN=1             Print every step; fetch nothing, change nothing
  AIMX_VERBOSE=1             Trace requests and what is done to files
  GITHUB_TOKEN               Token for the host of the manifest, against its rate limit
  AIMX_RELEASE_MANIFEST_URL  Where releases are told of
  NO_COLOR                   No colour

Targets: x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu, x86_64-unknown-linux-musl, aarch64-unknown-linux-musl

Exit codes: 0 done, or there already; 1 failed, nothing was changed unless it says so; 130 interrupted.
With --port-check-only: 0 port 25 works, 1 it does not, 2 it could not be tried.
EOF
}

# Whether a variable says yes.
is_set() {
    case $1 in '' | 0 | no | false) return 1 ;; esac
}

# tagged COLOUR TAG TEXT: one line on stderr.
tagged() {
    if [ "$COLOURED" = 1 ]; then
        printf '\033[%sm[%s]\033[0m %s\n' "$1" "$2" "$3" >&2
    else
        printf '[%s] %s\n' "$2" "$3" >&2
    fi
}
info() { tagged 36 info "$*"; }
good() { tagged 32 ok "$*"; }
warn() { tagged 33 warn "$*"; }
plain() { printf 'install: %s\n' "$*" >&2; }
trace() { ! is_set "$VERBOSE" || printf 'install: + %s\n' "$*" >&2; }

# fail TEXT: the one way out for what goes wrong.
fail() {
    tagged '1;31' error "$*"
    exit 1
}

# printable TEXT: what came from elsewhere, without anything that a terminal would obey.
printable() { printf '%s' "$1" | tr -cd '\040-\176' | cut -c 1-300; }

# ---------------------------------------------------------------------------------------------------------------------
# What has to go whatever happens

CHILD='' WATCHER='' WORK='' STAGED='' UNPACKED='' LISTENER='' LOCKED=''

cleanup() {
    trap '' INT TERM HUP PIPE
    [ -z "$CHILD" ] || kill "$CHILD" 2>/dev/null
    [ -z "$WATCHER" ] || kill "$WATCHER" 2>/dev/null
    [ -z "$LISTENER" ] || as_root kill "$LISTENER" 2>/dev/null
    [ -z "$STAGED" ] || as_root rm -f -- "$STAGED"
    [ -z "$UNPACKED" ] || as_root rm -rf -- "$UNPACKED"
    [ -z "$WORK" ] || rm -rf -- "$WORK"
    CHILD='' LISTENER='' STAGED='' UNPACKED='' WORK=''
}

# interrupted STATUS
interrupted() {
    trap - EXIT
    exec 2>&4 # a signal may come where what programs say is thrown away
    cleanup
    printf '\n' >&2
    plain "interrupted; $UNDONE"
    exit "$1"
}
UNDONE='nothing was changed'

catch_signals() {
    exec 4>&2
    trap cleanup EXIT
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM
    trap 'interrupted 129' HUP
    trap 'interrupted 141' PIPE # nobody reads any more: `| head`
}

# finish: the end of what is to be cleaned up, before another program takes the place of this one.
finish() {
    cleanup
    trap - EXIT INT TERM HUP PIPE
}

# A directory that only we can enter. Its name is known before it is there, so that no signal can come in between.
make_work() {
    [ -z "$WORK" ] || return 0
    made_random=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n') || fail "/dev/urandom cannot be read"
    WORK=${TMPDIR:-/tmp}/aimx-install.$made_random
    trace "mkdir $WORK"
    if ! complaint=$(mkdir -m 0700 -- "$WORK" 2>&1); then
        WORK=''
        fail "no temporary directory can be made: $(printable "$complaint"); TMPDIR names another place"
    fi
}

# ---------------------------------------------------------------------------------------------------------------------
# Root, the terminal

# find_terminal: TERMINAL says whether somebody types, on descriptor 3. A user who came by su cannot open the device itself.
find_terminal() {
    TERMINAL=''
    if is_set "$NONINTERACTIVE"; then
        return 0
    elif [ -t 0 ]; then
        exec 3<&0
        TERMINAL=1
    elif (: </dev/tty) 2>/dev/null; then # standard input is this script, when it came through a pipe
        exec 3</dev/tty
        TERMINAL=1
    fi
}

# can_be_root: whether as_root works; asks for the password where somebody can answer. SUDO_PROBLEM says why not.
can_be_root() {
    SUDO=''
    [ "$(id -u)" != 0 ] || return 0
    if ! command -v sudo >/dev/null 2>&1; then
        SUDO_PROBLEM='sudo is required for system installs on Linux: install it, or run this as root'
        return 1
    fi
    SUDO='sudo'
    is_set "$NONINTERACTIVE" && SUDO='sudo -n'
    sudo -n true </dev/null >/dev/null 2>&1 && return 0
    if [ -z "$TERMINAL" ]; then
        SUDO_PROBLEM='sudo asks for a password and there is no terminal to ask at: run this as root'
        return 1
    fi
    info "sudo is needed to install for the whole system"
    SUDO_PROBLEM='sudo did not let us'
    sudo -v <&3
}

# as_root COMMAND WORD...
as_root() {
    if [ -z "$SUDO" ]; then
        "$@"
    else
        $SUDO -- "$@"
    fi
}

# ---------------------------------------------------------------------------------------------------------------------
# The machine

need_tools() {
    missing=''
    for tool in uname id awk sed tr cut od cat mkdir rm cp mv chmod chown tar gzip dirname date ls sync; do
        command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
    done
    [ -z "$missing" ] || fail "these programs are needed and not there:$missing"
}

need_linux() {
    machine_os=$(uname -s)
    [ "$machine_os" = Linux ] || fail "AIMX is Linux-only; detected $(printable "$machine_os"). See $DOCS_URL"
}

# find_target: TARGET, as asked for or as this machine needs it.
find_target() {
    if [ -n "$ASKED_TARGET" ]; then
        case " $TARGETS " in
        *" $ASKED_TARGET "*) TARGET=$ASKED_TARGET ;;
        *) fail "unsupported target triple: $(printable "$ASKED_TARGET"); it is one of: $TARGETS. See $DOCS_URL" ;;
        esac
        find_libc
        return 0
    fi
    machine=$(uname -m)
    case $machine in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=aarch64 ;;
    *) fail "unsupported CPU architecture: $(printable "$machine"). See $DOCS_URL" ;;
    esac
    # A 64-bit kernel may run a 32-bit system.
    [ "$(getconf LONG_BIT 2>/dev/null)" != 32 ] || fail "this is a 32-bit system, though its CPU is $machine. See $DOCS_URL"
    find_libc
    TARGET=$machine-unknown-linux-$LIBC
}

# find_libc: LIBC is gnu or musl, GLIBC the version of glibc where it is known. Debian has packages of musl beside glibc,
# so its loader alone tells nothing.
find_libc() {
    LIBC=gnu
    GLIBC=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc \([0-9][0-9.]*\).*/\1/p')
    [ -z "$GLIBC" ] || return 0
    ldd_says=$(ldd --version 2>&1)
    case $ldd_says in
    *musl*) LIBC=musl ;;
    *GLIBC* | *GNU\ libc* | *Free\ Software\ Foundation*)
        GLIBC=$(printf '%s\n' "$ldd_says" | sed -n '1s/.* \([0-9][0-9]*\.[0-9][0-9.]*\).*/\1/p')
        ;;
    *)
        for loader in /lib/ld-musl-* /lib64/ld-musl-*; do
            [ ! -e "$loader" ] || LIBC=musl
        done
        ;;
    esac
}

# An old glibc is told here, where nothing has been fetched; the program itself would tell it too.
need_glibc() {
    case $TARGET in *-gnu) ;; *) return 0 ;; esac
    [ -n "${GLIBC:-}" ] || return 0
    if ! printf '%s %s\n' "$GLIBC" "$MINIMUM_GLIBC" | awk '{
        split($1, have, "."); split($2, need, ".")
        exit !(have[1] + 0 > need[1] + 0 || (have[1] + 0 == need[1] + 0 && have[2] + 0 >= need[2] + 0))
    }'; then
        fail "the C library here is glibc $GLIBC, and AIMX needs $MINIMUM_GLIBC or newer: use a newer release of this system"
    fi
}

# ---------------------------------------------------------------------------------------------------------------------
# Versions

# is_version TEXT: bare SemVer.
is_version() {
    printf '%s\n' "$1" | awk '
        { lines++ }
        /^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/ { fine++ }
        END { exit !(lines == 1 && fine == 1 && length($0) <= 64) }'
}

# compare_versions A B: prints older, same or newer, as SemVer orders them. What `git describe` adds behind a tag
# (0.1.0-12-gabcdef1) makes a version newer than that tag, not a pre-release of it.
compare_versions() {
    printf '%s\n%s\n' "$1" "$2" | awk '
        function verdict(sign) { print (sign < 0 ? "older" : sign > 0 ? "newer" : "same"); exit }
        function order(a, b) { return a < b ? -1 : a > b ? 1 : 0 }
        {
            sub(/\+.*/, "")
            described[NR] = 0
            if (match($0, /-[0-9]+-g[0-9a-f]+(-dirty)?$/)) {
                described[NR] = substr($0, RSTART + 1) + 0 + 1
                $0 = substr($0, 1, RSTART - 1)
            }
            pre[NR] = ""
            if (i = index($0, "-")) { pre[NR] = substr($0, i + 1); $0 = substr($0, 1, i - 1) }
            split($0, numbers, ".")
            for (i = 1; i <= 3; i++) number[NR, i] = numbers[i] + 0
        }
        END {
            for (i = 1; i <= 3; i++) if (number[1, i] != number[2, i]) verdict(number[1, i] - number[2, i])
            if (pre[1] != pre[2]) {
                if (pre[1] == "") verdict(1)
                if (pre[2] == "") verdict(-1)
                ones = split(pre[1], one, "."); twos = split(pre[2], two, ".")
                for (i = 1; i <= ones && i <= twos; i++) {
                    if (one[i] "" == two[i] "") continue
                    a = one[i] ~ /^[0-9]+$/; b = two[i] ~ /^[0-9]+$/
                    if (a && b) verdict(order(one[i] + 0, two[i] + 0))
                    if (a != b) verdict(b - a)
                    verdict(order(one[i] "", two[i] ""))
                }
                verdict(ones - twos)
            }
            verdict(described[1] - described[2])
        }'
}

# version_of PROGRAM: VERSION is what it says of itself, empty when it says nothing sensible.
version_of() {
    trace "$1 --version"
    if command -v timeout >/dev/null 2>&1; then
        version_line=$(as_root timeout 300 "$1" --version 2>/dev/null </dev/null)
    else
        version_line=$(as_root "$1" --version 2>/dev/null </dev/null)
    fi || version_line=''
    VERSION=$(printf '%s\n' "$version_line" | sed -n '1s/^AIMX (AI Mail Exchange) version \([^ ]*\) .*/\1/p')
    is_version "$VERSION" || VERSION=''
}

# ---------------------------------------------------------------------------------------------------------------------
# Fetching

# allowed_url URL BEFORE: HTTPS; files; plain HTTP to this very machine. What BEFORE, a URL, leads to is no file, and never
# out of TLS.
allowed_url() {
    case $1 in *[!A-Za-z0-9._~:/?#@!\$\&\(\)*+,\;=%\[\]-]*) return 1 ;; esac
    case $1 in
    https://[A-Za-z0-9\[]*) ;;
    file:///*) [ -z "$2" ] || return 1 ;;
    http://*)
        case $2 in https://*) return 1 ;; esac
        url_host=${1#http://}
        url_host=${url_host%%[/?#]*}
        case $url_host in
        '[::1]' | '[::1]':*) ;;
        *[!0-9.:]*) return 1 ;;
        127.*.*.*) ;;
        *) return 1 ;;
        esac
        ;;
    *) return 1 ;;
    esac
}

# origin_of URL: scheme, host and port.
origin_of() {
    origin_rest=${1#*://}
    printf '%s://%s' "${1%%://*}" "${origin_rest%%[/?#]*}"
}

# fetch URL FILE WHAT BLOCKS [big]: get one file whole, or fail. HTTP 404 is a failure with a name, too.
fetch() {
    fetch_url=$1 fetch_before=$fetch_within hops=0
    while :; do
        if ! allowed_url "$fetch_url" "$fetch_before"; then
            [ "$hops" = 0 ] || fail "refusing a redirect to a non-HTTPS URL: $(printable "$fetch_url") ($3)"
            fail "refusing non-HTTPS URL: $(printable "$fetch_url") ($3)"
        fi
        trace "GET $fetch_url"
        case $fetch_url in
        file://*)
            copied=${fetch_url#file://}
            [ -f "$copied" ] || fail "$3: there is no file $(printable "$copied")"
            complaint=$( (ulimit -f "$4" && cp -- "$copied" "$2") 2>&1) ||
                fail "$3 could not be copied: $(printable "$complaint")"
            return 0
            ;;
        esac
        fetch_token=''
        [ "$(origin_of "$fetch_url")" != "$(origin_of "$MANIFEST")" ] || fetch_token=$TOKEN
        REDIRECT=''
        "get_by_$CLIENT" "$fetch_url" "$2" "$3" "$4" "${5:-}"
        [ -n "$REDIRECT" ] || return 0
        hops=$((hops + 1))
        [ "$hops" -le "$MOST_REDIRECTS" ] || fail "$3: $(printable "$1") redirects again and again"
        fetch_before=$fetch_url
        case $REDIRECT in
        //*) fetch_url=${fetch_url%%://*}:$REDIRECT ;;
        /*) fetch_url=$(origin_of "$fetch_url")$REDIRECT ;;
        *) fetch_url=$REDIRECT ;;
        esac
    done
}

# status_said CODE WHAT URL: what an HTTP status other than 200 means for who reads it.
status_said() {
    case $1 in
    404) fail "$2 is not there: $(printable "$3") (HTTP 404)" ;;
    403 | 429) fail "$2 is refused: $(printable "$3") (HTTP $1). If that is a rate limit, set GITHUB_TOKEN to a token or try again later" ;;
    *) fail "$2 could not be fetched: $(printable "$3") (HTTP $(printable "$1"))" ;;
    esac
}

# await: wait for CHILD such that signals are heeded meanwhile; its status.
await() {
    wait "$CHILD"
    awaited=$?
    CHILD=''
    return "$awaited"
}

# URL and token go to curl on its standard input: everybody may read the arguments of a process.
curl_request() {
    printf 'url = "%s"\n' "$1"
    [ -z "$fetch_token" ] || printf 'header = "Authorization: Bearer %s"\n' "$fetch_token"
    case $1 in
    http://*) printf 'proto = "=http"\nnoproxy = "*"\n' ;;
    *) printf 'proto = "=https"\ntlsv1.2\n' ;;
    esac
}

# curl_into FILE BLOCKS OPTION
curl_into() {
    ulimit -f "$2"
    # -q: nobody's ~/.curlrc
    exec curl -q -K - "$3" -A aimx-install --connect-timeout "$STALL_SECONDS" --speed-limit 1 \
        --speed-time "$STALL_SECONDS" -o "$1" -w '%{http_code} %{redirect_url}' >"$WORK/answer" 9>&-
}

get_by_curl() {
    : >"$WORK/complaint"
    if [ -n "$5" ] && [ -t 2 ]; then
        curl_request "$1" | curl_into "$2" "$4" -# &
    else
        curl_request "$1" | curl_into "$2" "$4" -sS 2>"$WORK/complaint" &
    fi
    CHILD=$!
    await
    curl_status=$?
    answer=$(cat "$WORK/answer")
    if [ "$curl_status" != 0 ]; then
        complaint=$(sed -n 's/^curl: ([0-9]*) //p' "$WORK/complaint")
        case $curl_status in
        18) why='the connection ended before all of it had come' ;;
        23 | 153) why='it cannot be written, or is longer than it may be; is the disk full?' ;;
        28) why="nothing came for $STALL_SECONDS s" ;;
        *) why=${complaint:-curl ended with status $curl_status} ;;
        esac
        fail "$3 could not be fetched: $(printable "$1"): $(printable "$why")"
    fi
    case ${answer%% *} in
    200) ;;
    30[12378]) REDIRECT=${answer#* } ;;
    *) status_said "${answer%% *}" "$3" "$1" ;;
    esac
}

# end_if_it_stalls PROCESS FILE
end_if_it_stalls() {
    grown=''
    while sleep "$STALL_SECONDS"; do
        size=$(wc -c <"$2") || size=0
        if [ "$size" = "$grown" ]; then
            : >"$WORK/stalled"
            kill "$1"
            return
        fi
        grown=$size
    done
}

# read_wget FILE: STATUS and REDIRECT, of the last answer in what wget -S writes.
read_wget() {
    STATUS=$(sed -n 's/^ *HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p' "$1" | sed -n '$p')
    REDIRECT=$(sed -n 's/^ *[Ll][Oo][Cc][Aa][Tt][Ii][Oo][Nn]: *\([^ ]*\).*/\1/p' "$1" | tr -d '\r' | sed -n '$p')
}

# A token goes to wget in a file that only we can read.
get_by_wget() {
    (
        umask 077
        {
            [ -z "$fetch_token" ] || printf 'header = Authorization: Bearer %s\n' "$fetch_token"
            case $1 in http://*) printf 'use_proxy = off\n' ;; esac
        } >"$WORK/wgetrc"
    )
    progress=''
    [ -z "$5" ] || ! [ -t 2 ] || progress='--show-progress'
    (
        ulimit -f "$4"
        # shellcheck disable=SC2086  # one word or none
        exec wget --config="$WORK/wgetrc" $progress -S -o "$WORK/complaint" --max-redirect=0 --tries=1 -U aimx-install \
            --timeout="$STALL_SECONDS" -O "$2" -- "$1" 9>&-
    ) </dev/null &
    CHILD=$!
    await
    wget_status=$?
    rm -f -- "$WORK/wgetrc"
    read_wget "$WORK/complaint"
    case $STATUS in
    30[12378]) [ -z "$REDIRECT" ] || return 0 ;;
    esac
    REDIRECT=''
    wget_ended "$@"
}

# BusyBox follows redirects by itself; where they led is looked at afterwards, before anything is believed. It can have no
# token: it would be an argument. Its own -T crashes in some builds, so that growth is watched here.
get_by_busybox() {
    [ -z "$fetch_token" ] || warn "GITHUB_TOKEN is not used: this wget would show it to everybody here; install curl"
    TOKEN=''
    (
        ulimit -f "$4"
        exec wget -S -U aimx-install -O "$2" "$1" 9>&-
    ) </dev/null 2>"$WORK/complaint" &
    CHILD=$!
    end_if_it_stalls "$CHILD" "$2" </dev/null >/dev/null 2>&1 9>&- &
    WATCHER=$!
    await
    wget_status=$?
    kill "$WATCHER" 2>/dev/null
    WATCHER=''
    if [ -e "$WORK/stalled" ]; then
        fail "$3 could not be fetched: $(printable "$1"): nothing came for $STALL_SECONDS s"
    fi
    for REDIRECT in $(sed -n 's/^ *[Ll]ocation: *\([^ ]*\).*/\1/p' "$WORK/complaint" | tr -d '\r'); do
        case $REDIRECT in /[!/]*) continue ;; esac
        allowed_url "$REDIRECT" "$1" || fail "refusing a redirect to a non-HTTPS URL: $(printable "$REDIRECT") ($3)"
    done
    read_wget "$WORK/complaint"
    REDIRECT=''
    wget_ended "$@"
}

# wget_ended URL FILE WHAT: fail unless wget_status and STATUS are fine.
wget_ended() {
    [ "$wget_status" != 0 ] || return 0
    case $STATUS in '' | 200) ;; *) status_said "$STATUS" "$3" "$1" ;; esac
    why=$(sed -n '/^ /d; /^--/d; /^$/d; s/^wget: //; p' "$WORK/complaint" | sed -n '$p')
    [ "$wget_status" != 153 ] || why='it is longer than it may be'
    fail "$3 could not be fetched: $(printable "$1"): $(printable "${why:-wget ended with status $wget_status}")"
}

find_client() {
    if command -v curl >/dev/null 2>&1; then
        CLIENT=curl
    elif command -v wget >/dev/null 2>&1; then
        CLIENT=busybox
        case $(wget --version 2>/dev/null) in GNU\ Wget*) CLIENT=wget ;; esac
    else
        fail "curl or wget is needed to download, and neither is there"
    fi
}

# ---------------------------------------------------------------------------------------------------------------------
# What a release is

# find_manifest: MANIFEST, the URL that tells of the release that is wanted.
find_manifest() {
    MANIFEST=${AIMX_RELEASE_MANIFEST_URL:-}
    [ -n "$MANIFEST" ] || MANIFEST=$(configured_manifest)
    [ -n "$MANIFEST" ] || MANIFEST=$MANIFEST_URL
    [ -n "$ASKED_TAG" ] || return 0
    case $MANIFEST in
    */latest) MANIFEST=${MANIFEST%latest}tags/$ASKED_TAG ;;
    *latest.json) MANIFEST=${MANIFEST%latest.json}tag-$ASKED_TAG.json ;;
    *) fail "$(printable "$MANIFEST") ends neither in /latest nor in latest.json: where release $ASKED_TAG is cannot be told" ;;
    esac
}

# configured_manifest: release_manifest_url of [upgrade] in config.toml, as people write it.
configured_manifest() {
    as_root cat -- "$CONFIG" 2>/dev/null | awk '
        /^[ \t]*\[/ { inside = $0 ~ /^[ \t]*\[[ \t]*upgrade[ \t]*\]/ }
        inside && /^[ \t]*release_manifest_url[ \t]*=[ \t]*["\047]/ {
            sub(/^[^"\047]*["\047]/, ""); sub(/["\047].*/, ""); print; exit
        }'
}

# read_manifest FILE: lines `tag <tag>` and `asset <name> <url>`, of JSON as GitHub has it. Strings with escapes are left
# out, but for \/: no name and no URL of ours needs one.
read_manifest() {
    awk '
        function ended() {
            if (pending == "") return
            said = substr(pending, 2, length(pending) - 2)
            gsub(/\\\//, "/", said)
            if (said !~ /[\\ ]/) {
                if (depth == 1 && key[1] == "tag_name") print "tag", said
                if (depth == 3 && key[1] == "assets" && kind[2] == "[" && kind[3] == "{") {
                    if (key[3] == "name") name = said
                    if (key[3] == "browser_download_url") url = said
                }
            }
            pending = ""
        }
        {
            rest = $0
            while (match(rest, /"([^"\\]|\\.)*"|[][{}:,]|[^][{}:," \t\r]+/)) {
                token = substr(rest, RSTART, RLENGTH)
                rest = substr(rest, RSTART + RLENGTH)
                if (token == "{" || token == "[") {
                    kind[++depth] = token; key[depth] = ""; pending = ""
                    if (depth == 3) name = url = ""
                } else if (token == ":") {
                    key[depth] = substr(pending, 2, length(pending) - 2); pending = ""
                } else if (token == ",") {
                    ended()
                } else if (token == "}" || token == "]") {
                    ended()
                    if (depth == 3 && key[1] == "assets" && name != "" && url != "") print "asset", name, url
                    if (depth > 0) depth--
                } else if (token ~ /^"/) {
                    pending = token
                } else {
                    pending = ""
                }
            }
        }' "$1"
}

# asset_url NAME: of one that there is once.
asset_url() {
    awk -v name="$1" '$1 == "asset" && $2 == name { n++; url = $3 } END { if (n == 1) print url }' "$WORK/release"
}

# resolve: TAG, and in $WORK/release what the manifest says of it.
resolve() {
    info "Looking up ${ASKED_TAG:-the latest release}"
    fetch_within=''
    fetch "$MANIFEST" "$WORK/manifest" "the release${ASKED_TAG:+ $ASKED_TAG}" "$LIST_BLOCKS"
    read_manifest "$WORK/manifest" >"$WORK/release"
    TAG=$(awk '$1 == "tag" { print $2; exit }' "$WORK/release")
    case $TAG in v[0-9]*) TAG=${TAG#v} ;; esac
    is_version "$TAG" || fail "$(printable "$MANIFEST") does not tell of a release: it has no tag that is a version"
    [ -z "$ASKED_TAG" ] || [ "$ASKED_TAG" = "$TAG" ] ||
        fail "release $ASKED_TAG was asked for, and $(printable "$MANIFEST") tells of $TAG"
    STEM=aimx-$TAG-$SHORT
    ARCHIVE=$STEM.tar.gz
}

# fetch_asset NAME BLOCKS [big]
fetch_asset() {
    asset=$(asset_url "$1")
    [ -n "$asset" ] || fail "release $TAG has no $1: it cannot be verified and is not installed"
    # What comes over the network names no file of this machine, and what comes by TLS nothing that does not.
    fetch_within=$MANIFEST
    case $MANIFEST in file://*) fetch_within='' ;; esac
    fetch "$asset" "$WORK/assets/$1" "$1" "$2" "${3:-}"
}

# need_artefact: a release without a build for this target says so in one line.
need_artefact() {
    [ -z "$(asset_url "$ARCHIVE")" ] || return 0
    builds=$(awk -v head="aimx-$TAG-" '$1 == "asset" && index($2, head) == 1 && $2 ~ /\.tar\.gz$/ {
        name = substr($2, length(head) + 1); sub(/\.tar\.gz$/, "", name); sub(/-linux-/, "-unknown-linux-", name)
        if (name ~ /^[A-Za-z0-9_-]+$/) printf "%s%s", n++ ? ", " : "", name }' "$WORK/release")
    fail "release $TAG has no build for $TARGET; it has: ${builds:-none at all}"
}

# find_summer: the program that computes SHA-256.
find_summer() {
    if command -v sha256sum >/dev/null 2>&1; then
        SUMMER='sha256sum'
    elif command -v openssl >/dev/null 2>&1; then
        SUMMER='openssl dgst -sha256 -r'
    elif command -v shasum >/dev/null 2>&1; then
        SUMMER='shasum -a 256'
    else
        fail "sha256sum is needed to verify what is downloaded, and is not there"
    fi
}

# sum_of FILE [as_root]
sum_of() {
    # shellcheck disable=SC2086  # a command and its options
    ${2:-} $SUMMER "$1" 2>/dev/null | cut -c 1-64
}

# verify_signature: SHA256SUMS is signed by one of our keys. Without openssl the new program looks, before the switch.
verify_signature() {
    if ! command -v openssl >/dev/null 2>&1; then
        SIGNED=''
        info "openssl is not here: the program itself is going to verify the signature before it is installed"
        return 0
    fi
    printf '%s\n' "$RELEASE_KEYS" | awk -v stem="$WORK/key" '
        /-----BEGIN PUBLIC KEY-----/ { number++ } number { print > (stem number) }'
    for key in "$WORK"/key[0-9]*; do
        trace "openssl dgst -sha256 -verify $key -signature SHA256SUMS.sig SHA256SUMS"
        if openssl dgst -sha256 -verify "$key" -signature "$WORK/assets/SHA256SUMS.sig" "$WORK/assets/SHA256SUMS" \
            >/dev/null 2>&1; then
            SIGNED=1
            return 0
        fi
    done
    fail "SHA256SUMS of release $TAG is not signed by the key of AIMX: it is not installed"
}

# find_sum: what SHA256SUMS says of the archive, before that is fetched.
find_sum() {
    wanted=$(awk -v name="$ARCHIVE" '$2 == name || $2 == "*" name { print $1 }' "$WORK/assets/SHA256SUMS")
    case $wanted in
    '') fail "SHA256SUMS of release $TAG does not name $ARCHIVE: it is not installed" ;;
    *[!0-9a-f]*) fail "SHA256SUMS of release $TAG cannot be read where it names $ARCHIVE: it is not installed" ;;
    esac
}

# verify_archive: it has the checksum that SHA256SUMS names.
verify_archive() {
    found=$(sum_of "$WORK/assets/$ARCHIVE")
    trace "SHA-256 of $ARCHIVE: $found"
    [ "$wanted" = "$found" ] || fail "$ARCHIVE has another checksum than SHA256SUMS states: it is not installed"
}

# download: PROGRAM, from an archive that has been verified.
download() {
    need_artefact
    mkdir -- "$WORK/assets" || fail "nothing can be written below $WORK"
    fetch_asset SHA256SUMS "$LIST_BLOCKS"
    fetch_asset SHA256SUMS.sig "$SIGNATURE_BLOCKS"
    verify_signature
    find_sum
    info "Downloading $ARCHIVE"
    fetch_asset "$ARCHIVE" "$ARCHIVE_BLOCKS" big
    verify_archive
    if [ -n "$SIGNED" ]; then
        good "Signature and checksum are right"
    else
        good "The checksum is right"
    fi
    trace "tar -xzf $ARCHIVE $STEM/aimx"
    complaint=$(tar -xzof "$WORK/assets/$ARCHIVE" -C "$WORK" "$STEM/aimx" 2>&1) ||
        fail "$ARCHIVE cannot be unpacked: $(printable "$complaint")"
    PROGRAM=$WORK/$STEM/aimx
    if [ ! -f "$PROGRAM" ] || [ -h "$PROGRAM" ]; then
        fail "$ARCHIVE holds no program $STEM/aimx"
    fi
}

# ---------------------------------------------------------------------------------------------------------------------
# What is here

# lock DIRECTORY: nobody else installs into it. The lock is the directory itself and ends with this process, however that
# ends; without flock(1) only the rename protects.
lock() {
    locked=$1
    while [ ! -d "$locked" ]; do
        locked=$(dirname -- "$locked")
    done
    [ "$locked" != "$LOCKED" ] || return 0
    if [ ! -r "$locked" ] || ! command -v flock >/dev/null 2>&1; then
        trace "no lock on $locked"
        return 0
    fi
    exec 9<&-
    exec 9<"$locked"
    LOCKED=$locked
    trace "flock $locked"
    flock -n 9 || fail "another installation into $PREFIX is running; wait until it is done"
}

# find_service: SERVICE is the file of the service, empty without; SERVED the program that it starts.
find_service() {
    SERVICE='' SERVED=''
    for unit in /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
        [ -f "$unit/aimx.service" ] || continue
        SERVICE=$unit/aimx.service
        SERVED=$(sed -n 's/^ExecStart=[-@:+!]*"\{0,1\}\([^" ]*\).*/\1/p' "$SERVICE" 2>/dev/null | sed -n '$p')
        return 0
    done
    [ -f /etc/init.d/aimx ] || return 0
    SERVICE=/etc/init.d/aimx
    SERVED=$(sed -n "s/^command=[\"']*\([^\"' ]*\).*/\1/p" "$SERVICE" 2>/dev/null | sed -n '$p')
}

# find_place: DESTINATION, an absolute path that a program can be put at.
find_place() {
    case $PREFIX in
    \~ | \~/*) fail "--to: $(printable "$PREFIX"): no shell has expanded the ~; write the whole path" ;;
    *[[:cntrl:]]*) fail "--to: $(printable "$PREFIX") has characters in it that no path of a service can have" ;;
    /*) ;;
    *) PREFIX=$(pwd)/$PREFIX ;;
    esac
    while [ "$PREFIX" != / ] && [ "${PREFIX%/}" != "$PREFIX" ]; do
        PREFIX=${PREFIX%/}
    done
    DESTINATION=${PREFIX%/}/aimx
    if [ -e "$PREFIX" ] && [ ! -d "$PREFIX" ]; then
        fail "--to: $PREFIX is no directory"
    fi
    if [ -d "$DESTINATION" ]; then
        fail "$DESTINATION is a directory: the program cannot be put there. Is --to meant to be another?"
    fi
}

# whole PATH: without links, where that can be found out.
whole() { readlink -f -- "$1" 2>/dev/null || printf '%s\n' "$1"; }

# need_one_installation: a service of another aimx would go on running that one.
need_one_installation() {
    if [ -x "$SERVED" ] && [ -e "${SERVED%/*}/../pyvenv.cfg" ]; then
        fail "the service aimx runs $SERVED, of a Python environment: upgrade it there, or run \`sudo $SERVED uninstall\` first, which leaves configuration and mail"
    fi
    if [ -x "$SERVED" ] && [ "$(whole "$SERVED")" != "$(whole "$DESTINATION")" ] && ! is_set "$FORCE"; then
        if [ "$SERVED" = /usr/bin/aimx ]; then
            fail "the service aimx runs $SERVED, of a package: upgrade that with your package manager, or remove it first (--force installs beside it)"
        fi
        fail "the service aimx runs $SERVED, not $DESTINATION: upgrade that with --to ${SERVED%/*}, or --force to install beside it"
    fi
}

# safe_place: whoever may write here decides what root runs.
safe_place() {
    place_mode=$(as_root ls -ldn -- "${PREFIX%/}/." 2>/dev/null | awk '{ print $1, $3 }')
    case $place_mode in
    ?????-??-?*' 0' | '') ;;
    *) warn "$PREFIX can be written by others than root, who thereby decide what runs as root" ;;
    esac
}

# ---------------------------------------------------------------------------------------------------------------------
# Changing things

# stage: the program beside its place, root's, whole, and one that runs here.
stage() {
    as_root mkdir -p -- "$PREFIX" || fail "$PREFIX cannot be made"
    lock "$PREFIX"
    safe_place
    [ ! -d "${PREFIX%/}/.aimx.install" ] || fail "${PREFIX%/}/.aimx.install is a directory, and in the way"
    STAGED=${PREFIX%/}/.aimx.install
    trace "cp $PROGRAM $STAGED"
    as_root rm -f -- "$STAGED"
    if ! complaint=$(as_root cp -- "$PROGRAM" "$STAGED" 2>&1 && as_root chown 0:0 "$STAGED" 2>&1 &&
        as_root chmod 0755 "$STAGED" 2>&1); then
        fail "nothing can be written to $PREFIX: $(printable "$complaint")"
    fi
    [ "$(sum_of "$STAGED" as_root)" = "$(sum_of "$PROGRAM")" ] || fail "the program was not written whole to $PREFIX"
    as_root sync "$STAGED" 2>/dev/null || sync
    find_tree
    if [ -z "$SIGNED" ]; then
        trace "$STAGED release-check $WORK/assets"
        complaint=$(XDG_CACHE_HOME="$WORK/cache" "$STAGED" release-check "$WORK/assets" 2>&1 </dev/null) ||
            fail "release $TAG is not signed by the key of AIMX: it is not installed. $(printable "$complaint")"
        good "The signature is right"
    fi
    version_of "$STAGED"
    [ "$VERSION" = "$TAG" ] || unusable
}

# find_tree: UNPACKED, what the program unpacks for itself when root starts it; empty when that is there already. It goes
# with a program that is not installed.
find_tree() {
    tree=$(sed -n '1,40s/^_aimx_id=\([0-9][0-9A-Za-z.+-]*\)$/\1/p;40q' "$PROGRAM" 2>/dev/null)
    [ -z "$tree" ] || [ -e "$TREES/$tree" ] || UNPACKED=$TREES/$tree
}

# unusable: why the new program is not one that can be installed.
unusable() {
    [ -z "$VERSION" ] || fail "the program of release $TAG says that it is $VERSION: it is not installed"
    complaint=$(as_root "$STAGED" --version 2>&1 >/dev/null </dev/null | sed -n '$p')
    complaint=${complaint#Error: }
    fail "the program of release $TAG does not run here: $(printable "${complaint:-it says nothing}")"
}

# keep_config: a copy of the configuration that a fresh installation finds. It stays where it is: setup goes on from it.
keep_config() {
    as_root test -f "$CONFIG" || return 0
    backup=$CONFIG.bak-$(date -u +%Y%m%d-%H%M%S)
    trace "cp -p $CONFIG $backup"
    as_root cp -p -- "$CONFIG" "$backup" || fail "$CONFIG cannot be copied to $backup"
    info "The configuration that is here is kept, with a copy: $backup"
}

install_fresh() {
    stage
    keep_config
    trace "mv $STAGED $DESTINATION"
    as_root mv -f -- "$STAGED" "$DESTINATION" || fail "$DESTINATION cannot be written"
    STAGED='' UNPACKED=''
    UNDONE="AIMX $TAG is installed, but not set up: sudo $DESTINATION setup"
    as_root sync "$PREFIX" 2>/dev/null || sync
    good "AIMX $TAG is installed: $DESTINATION"
    case :$PATH: in
    *:"$PREFIX":*) ;;
    *) info "$PREFIX is not in your PATH: type $DESTINATION, or add it" ;;
    esac
    run_setup
}

# upgrade: the new program itself does what `aimx upgrade` does once it has downloaded.
upgrade() {
    stage
    info "Switching to AIMX $TAG"
    UNDONE="the program that runs is the one that was there, or the new one if it works: see $DESTINATION --version"
    pass_on
    UNPACKED='' # from here on the program itself sees to that
    trace "$STAGED upgrade --staged $STAGED --program $DESTINATION"
    # shellcheck disable=SC2086  # words without blanks
    as_root env $PASSED "$STAGED" upgrade --staged "$STAGED" --program "$DESTINATION" </dev/null 9>&-
    upgrade_status=$?
    [ "$upgrade_status" = 0 ] || exit "$upgrade_status"
    good "Upgrade complete. Run 'aimx doctor' for health."
}

# pass_on: PASSED, what sudo would drop of the environment and programs of ours need. Values without blanks only. They talk
# to people in the locale that this script was started in.
pass_on() {
    LC_ALL=$LOCALE
    [ -n "$LOCALE" ] || unset LC_ALL
    PASSED=''
    for variable in AIMX_NONINTERACTIVE AIMX_CONFIG_DIR AIMX_DATA_DIR AIMX_RUNTIME_DIR NO_COLOR COLORTERM LANG LC_ALL LC_CTYPE; do
        passed_value=''
        eval "passed_value=\${$variable:-}"
        case $passed_value in
        '') ;;
        *[!A-Za-z0-9._/:@%+,-]*) warn "$variable is not passed on: there are characters in it that no path of ours has" ;;
        *) PASSED="$PASSED $variable=$passed_value" ;;
        esac
    done
}

# run_setup: the program that was installed, by its whole path, takes the place of this script.
run_setup() {
    pass_on
    set -- setup
    [ -z "$VERIFY_HOST" ] || set -- "$@" --verify-host "$VERIFY_HOST"
    [ -z "$DOMAIN" ] || set -- "$@" "$DOMAIN"
    info "Starting setup. To come back to it later: sudo $DESTINATION setup"
    trace "$DESTINATION $*"
    finish
    exec 4>&- 9<&-
    if [ -n "$TERMINAL" ]; then
        exec 0<&3 3<&-
    else
        exec </dev/null
    fi
    # shellcheck disable=SC2086  # words without blanks
    exec ${SUDO:+$SUDO --} env $PASSED "$DESTINATION" "$@"
}

# offer_setup: what was asked for is there already.
offer_setup() {
    if [ -z "$TERMINAL" ]; then
        good "AIMX $TAG is installed already: nothing to do"
        exit 0
    fi
    printf 'AIMX is already installed. Re-run setup to (re)configure it? [y/N] ' >&2
    reply=''
    IFS= read -r reply <&3 || printf '\n' >&2
    case $reply in
    y | Y | yes | YES | Yes) run_setup ;;
    *) info "Nothing was changed." ;;
    esac
}

# ---------------------------------------------------------------------------------------------------------------------
# Port 25, with what is here

# cannot_try TEXT: nothing is known about the port.
cannot_try() {
    tagged '1;31' error "$*"
    exit 2
}

# outbound HOST: whether a mail server greets at its port 25. 2: nothing here can try.
outbound() {
    if command -v python3 >/dev/null 2>&1; then
        python3 - "$1" <<'EOF'
import socket, sys
try:
    with socket.create_connection((sys.argv[1], 25), 15) as sock:
        greeting = sock.recv(512)
except OSError:
    greeting = b""
sys.exit(not greeting.startswith(b"220"))
EOF
    elif command -v nc >/dev/null 2>&1; then
        printf 'QUIT\r\n' | nc -w 15 "$1" 25 2>/dev/null | sed -n '1p' | grep -q '^220'
    elif command -v bash >/dev/null 2>&1; then
        # shellcheck disable=SC2016  # for bash
        bash -c 'exec 3<>"/dev/tcp/$0/25" && IFS= read -r -t 15 line <&3 && [ "${line#220}" != "$line" ]' "$1" 2>/dev/null
    else
        return 2
    fi
}

# A mail server for half a minute, on every address. Prints its process and leaves it running, or says `busy`.
LISTENER_PROGRAM='
import errno, os, signal, socket, socketserver, sys
class Session(socketserver.StreamRequestHandler):
    timeout = 10
    def handle(self):
        self.wfile.write(b"220 chkport25 ESMTP\r\n")
        for _ in range(20):
            verb = self.rfile.readline(512)[:4].upper()
            if not verb or verb == b"QUIT":
                return
            self.wfile.write(b"250 chkport25\r\n" if verb in (b"EHLO", b"HELO") else b"502 not here\r\n")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    def handle_error(self, request, address):
        pass
class Both(Server):
    address_family = socket.AF_INET6
    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()
try:
    try:
        server = Both(("::", 25), Session)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise
        server = Server(("0.0.0.0", 25), Session)
except OSError as error:
    sys.exit(print("busy" if error.errno == errno.EADDRINUSE else "no"))
child = os.fork()
if child:
    print(child, flush=True)
    os._exit(0)
signal.alarm(int(sys.argv[1]))
null = os.open(os.devnull, os.O_RDWR)
for number in range(3):
    os.dup2(null, number)
server.serve_forever()
'

# inbound URL: whether the verifier gets through to us. 3: it could not be tried.
inbound() {
    if ! can_be_root; then
        plain "[skip] inbound port 25: $SUDO_PROBLEM"
        return 3
    fi
    if ! command -v python3 >/dev/null 2>&1; then
        plain "[skip] inbound port 25: python3 is needed to listen on it, and is not here"
        return 3
    fi
    said=$(as_root python3 -c "$LISTENER_PROGRAM" 90 </dev/null) || said=no
    case $said in
    busy) warn "port 25 is in use here: what has it is going to be tried" ;;
    *[!0-9]* | '')
        plain "[skip] inbound port 25: nothing can listen on it here"
        return 3
        ;;
    *) LISTENER=$said ;;
    esac
    if command -v curl >/dev/null 2>&1; then
        # Mail comes over IPv4; where there is none, whatever works.
        probed=$(curl -q -4 -fsS -m 60 "$1/probe" 2>/dev/null </dev/null) ||
            probed=$(curl -q -fsS -m 60 "$1/probe" 2>&1 </dev/null) || return 4
    else
        probed=$(wget -q -T 60 -O - "$1/probe" 2>/dev/null </dev/null) || return 4
    fi
    case $(printf '%s' "$probed" | tr -d ' \t\r\n') in
    *'"reachable":true'*) return 0 ;;
    *'"reachable":false'*) return 1 ;;
    esac
    return 4
}

check_port() {
    verifier=${VERIFY_HOST:-$VERIFIER_URL}
    while [ "${verifier%/}" != "$verifier" ]; do
        verifier=${verifier%/}
    done
    host=${verifier#*://}
    host=${host%%/*}
    case $host in
    '['*) host=${host#\[} host=${host%%\]*} ;;
    *) host=${host%%:*} ;;
    esac
    case $verifier in http://* | https://*) ;; *) host='' ;; esac
    case $host in '' | *[!A-Za-z0-9._:-]*)
        cannot_try "--verify-host: a URL that begins with http:// or https:// is needed, not $(printable "$verifier")" ;;
    esac
    command -v curl >/dev/null 2>&1 || command -v wget >/dev/null 2>&1 ||
        cannot_try "curl or wget is needed to ask the verifier, and neither is here"
    find_terminal
    catch_signals
    UNDONE='port 25 has not been tried in both directions'
    plain "AIMX port 25 check: $verifier is asked, which may take a minute"
    port_result=0
    outbound "$host"
    case $? in
    0) good "outbound port 25" ;;
    2) cannot_try "python3, nc or bash is needed to try outbound port 25, and none of them is here" ;;
    *)
        tagged '1;31' fail "outbound port 25: no mail server answers at $host. Many providers block the port until they are asked."
        port_result=1
        ;;
    esac
    inbound "$verifier"
    case $? in
    0) good "inbound port 25" ;;
    1)
        tagged '1;31' fail "inbound port 25: the verifier does not get through. Is it open in every firewall (sudo ufw allow 25/tcp)?"
        port_result=1
        ;;
    3) ;;
    *)
        tagged '1;31' fail "inbound port 25: the verifier at $verifier gave no answer that can be read"
        port_result=1
        ;;
    esac
    if [ "$port_result" = 0 ]; then
        good "Port 25 is ready for AIMX. To install it: curl -fsSL $INSTALLER_URL | sh"
    else
        tagged '1;31' error "Port 25 does not work yet. See $DOCS_URL"
    fi
    return "$port_result"
}

# ---------------------------------------------------------------------------------------------------------------------
# The story

dry_run() {
    find_service
    find_manifest
    dry_tag=${ASKED_TAG:-'<version>'}
    plain "dry run: nothing is fetched, nothing is changed"
    plain "target: $TARGET"
    [ "$(id -u)" = 0 ] || plain "would ask sudo for root"
    plain "would lock $PREFIX against other installations"
    plain "would fetch $(printable "$MANIFEST")$([ -n "$ASKED_TAG" ] || echo ', to learn which version is the latest')"
    if [ -e "$DESTINATION" ] && [ -n "$SERVICE" ]; then
        plain "$DESTINATION and $SERVICE are there: would ask $DESTINATION for its version"
        plain "would leave everything alone and offer to run setup again if that is $dry_tag$(! is_set "$FORCE" || echo ' (not with --force)')"
        plain "would refuse to go back if it is newer"
    elif [ -e "$DESTINATION" ]; then
        plain "$DESTINATION is there, but no service: setup did not complete, so this is a fresh installation"
    fi
    plain "would fetch SHA256SUMS and SHA256SUMS.sig of that release, and verify the signature$(command -v openssl >/dev/null 2>&1 || echo ' (without openssl: by the new program, before it is installed)')"
    plain "would fetch aimx-$dry_tag-$SHORT.tar.gz and verify its SHA-256"
    plain "would unpack aimx-$dry_tag-$SHORT/aimx in ${TMPDIR:-/tmp}/aimx-install.*, which goes whatever happens"
    plain "would copy it to $PREFIX/.aimx.install (root, 0755) and run it with --version there"
    if [ -e "$DESTINATION" ] && [ -n "$SERVICE" ]; then
        plain "would run: $PREFIX/.aimx.install upgrade --staged $PREFIX/.aimx.install --program $DESTINATION"
        plain "  which stops the service, keeps the old program as $DESTINATION.prev, puts the new one in its place,"
        plain "  starts the service, and goes back to the old one if that does not work"
        return 0
    fi
    plain "would copy $CONFIG to $CONFIG.bak-YYYYMMDD-HHMMSS, if it is there"
    plain "would rename $PREFIX/.aimx.install to $DESTINATION"
    plain "would run: $DESTINATION setup${VERIFY_HOST:+ --verify-host $VERIFY_HOST}${DOMAIN:+ $DOMAIN}"
}

# decide: fresh, upgrade, or nothing to do; by what is here and what is wanted.
decide() {
    INSTALLED=''
    if [ ! -e "$DESTINATION" ]; then
        [ -z "$SERVICE" ] || info "$SERVICE is there and $DESTINATION is not: it is installed anew"
        WAY=fresh
        return 0
    fi
    if [ -z "$SERVICE" ]; then
        info "$DESTINATION is there, but no service: setup did not complete. It is installed anew."
        WAY=fresh
        return 0
    fi
    WAY=upgrade
    version_of "$DESTINATION"
    INSTALLED=$VERSION
    if [ -z "$INSTALLED" ]; then
        warn "$DESTINATION does not say which version it is: it is replaced by $TAG"
        return 0
    fi
    case $(compare_versions "$INSTALLED" "$TAG") in
    same) is_set "$FORCE" || WAY=nothing ;;
    newer)
        fail "AIMX $INSTALLED is installed, which is newer than $TAG. To go back to it: sudo $DESTINATION upgrade --version $TAG"
        ;;
    esac
}

install_aimx() {
    need_tools
    need_linux
    find_target
    need_glibc
    SHORT=$(printf '%s' "$TARGET" | sed 's/-unknown-/-/')
    find_place
    find_terminal
    if is_set "$DRY_RUN"; then
        dry_run
        return 0
    fi
    [ -n "$RELEASE_KEYS" ] ||
        fail "this copy of the installer has no release key and can install nothing: take the published one, $INSTALLER_URL"
    can_be_root || fail "$SUDO_PROBLEM"
    find_client
    find_summer
    find_service
    need_one_installation
    catch_signals
    lock "$PREFIX"
    make_work
    find_manifest
    resolve
    decide
    case $WAY in
    nothing)
        offer_setup
        return 0
        ;;
    upgrade) info "Installed is AIMX ${INSTALLED:-of an unknown version}, the release is $TAG" ;;
    esac
    download
    case $WAY in
    fresh) install_fresh ;;
    upgrade) upgrade ;;
    esac
}

# value FLAG COUNT VALUE
value() {
    [ "$2" -gt 1 ] && [ -n "$3" ] || fail "$1 requires a value"
}

# settle: what the environment says where no flag did.
settle() {
    COLOURED=0
    if [ -t 2 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
        COLOURED=1
    fi
    ASKED_TAG=${AIMX_VERSION:-} PREFIX=${AIMX_PREFIX:-/usr/local/bin} DOMAIN=${AIMX_DOMAIN:-}
    VERIFY_HOST=${AIMX_VERIFY_HOST:-} DRY_RUN=${AIMX_DRY_RUN:-} VERBOSE=${AIMX_VERBOSE:-}
    NONINTERACTIVE=${AIMX_NONINTERACTIVE:-} TOKEN=${GITHUB_TOKEN:-}
    unset GITHUB_TOKEN # no program that is started here gets it
    unset TAR_OPTIONS GZIP # options that nobody here has asked for
    CONFIG=${AIMX_CONFIG_DIR:-/etc/aimx}/config.toml
    ASKED_TARGET='' FORCE='' PORT_CHECK='' SUDO='' SIGNED='' TERMINAL=''
}

# check_options: what is wrong with them is told before anything is looked at.
check_options() {
    case $ASKED_TAG in
    v[0-9]*)
        ASKED_TAG=${ASKED_TAG#v}
        plain "tags have no v: taking $(printable "$ASKED_TAG")"
        ;;
    esac
    [ -z "$ASKED_TAG" ] || is_version "$ASKED_TAG" ||
        fail "--tag: $(printable "$ASKED_TAG") is no version; write for example 0.1.0"
    case $DOMAIN in
    -* | *[!A-Za-z0-9._-]*) [ -z "$DOMAIN" ] || fail "--domain: $(printable "$DOMAIN") is no domain; write for example agent.example.com" ;;
    esac
    case $TOKEN in
    *[!A-Za-z0-9._~+/=-]*) fail "GITHUB_TOKEN has characters in it that no token has" ;;
    esac
}

main() {
    settle
    while [ $# -gt 0 ]; do
        case $1 in
        --*=*)
            option=$1
            shift
            case $option in
            --force=* | --help=* | --port-check-only=*) fail "${option%%=*} takes no value" ;;
            esac
            set -- "${option%%=*}" "${option#*=}" "$@"
            ;;
        esac
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --force) FORCE=1 ;;
        --port-check-only) PORT_CHECK=1 ;;
        --tag) value "$1" $# "${2:-}" && ASKED_TAG=$2 && shift ;;
        --target) value "$1" $# "${2:-}" && ASKED_TARGET=$2 && shift ;;
        --to) value "$1" $# "${2:-}" && PREFIX=$2 && shift ;;
        --domain) value "$1" $# "${2:-}" && DOMAIN=$2 && shift ;;
        --verify-host) value "$1" $# "${2:-}" && VERIFY_HOST=$2 && shift ;;
        *) fail "unknown argument: $(printable "$1") (try --help)" ;;
        esac
        shift
    done
    if [ -n "$PORT_CHECK" ]; then
        check_port
        exit $?
    fi
    check_options
    plain "AIMX installer"
    install_aimx
}

main "$@"
exit $?
}
