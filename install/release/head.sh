#!/bin/sh
# aimx @TAG@ for @TRIPLE@: a shell script, then (from octet @OFFSET@ on) a compressed tree: the program, its libraries and
# their interpreter. The tree is unpacked once: by root below /usr/local/lib/aimx, where everybody uses it, else into the
# cache of the user. Then this only starts it.

_aimx_id=@TAG@-@SHORT_DIGEST@
_aimx_shared=/usr/local/lib/aimx

case $0 in
    */../* | */./* | ../*) _aimx_program=$(CDPATH='' cd -P -- "${0%/*}" && pwd -P)/${0##*/} ;;
    /*) _aimx_program=$0 ;;
    ./*) _aimx_program=$PWD/${0#./} ;;
    */*) _aimx_program=$PWD/$0 ;;
    *) _aimx_program=$PWD/$0 && [ -f "$_aimx_program" ] || _aimx_program=$(command -v -- "$0") ;;
esac
if [ -L "$_aimx_program" ]; then _aimx_program=$(readlink -f "$_aimx_program"); fi
case /$0 in
    */aimx-verifier) _aimx_module=aimx.verifier.main ;;
    *) _aimx_module=aimx.cli.main ;;
esac

# _aimx_start TREE [WORD...]: become the program.
_aimx_start() {
    _aimx_tree=$1
    shift
    exec "$_aimx_tree/bin/python3" -I -X "aimx_bundle=$_aimx_program" -m "$_aimx_module" "$@"
}

# _aimx_fail TEXT: the one line that tells why there is no start.
_aimx_fail() {
    printf 'Error: %s\n' "$1" >&2
    exit 1
}

# _aimx_fits: whether this machine can run what is inside.
_aimx_fits() {
    [ "$(uname -s)" = Linux ] || _aimx_fail "AIMX is Linux-only; this is $(uname -s)"
    [ "$(uname -m)" = @MACHINE@ ] || _aimx_fail "this aimx is made for @MACHINE@; this machine is $(uname -m)"
    case @LIBC@ in
        gnu)
            [ -e "@LOADER@" ] ||
                _aimx_fail "this aimx is made for glibc, which is not here; use the build for musl (@MACHINE@-linux-musl)"
            # Where nothing tells the version, the interpreter itself says what it misses.
            _aimx_libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) && _aimx_libc=${_aimx_libc#glibc } || return 0
            _aimx_minor=${_aimx_libc#*.}
            _aimx_minor=${_aimx_minor%%[!0-9]*}
            [ "${_aimx_libc%%.*}" = 2 ] && [ "${_aimx_minor:-0}" -lt @GLIBC_MINOR@ ] &&
                _aimx_fail "this aimx needs glibc 2.@GLIBC_MINOR@ or newer (Debian 12, Ubuntu 23.04, Fedora 37); this system has glibc $_aimx_libc"
            ;;
        musl)
            [ -e "@LOADER@" ] ||
                _aimx_fail "this aimx is made for musl, which is not here; use the build for glibc (@MACHINE@-linux-gnu)"
            ;;
    esac
}

# _aimx_closed DIRECTORY: nobody but root may change what is in it, nor exchange it or a directory above it.
_aimx_closed() {
    _aimx_way=$(CDPATH='' cd -P -- "$1" && pwd -P) || _aimx_fail "$1 cannot be entered"
    while :; do
        _aimx_mode=$(stat -c '%u:%g:%a' -- "$_aimx_way/") || _aimx_fail "$_aimx_way cannot be looked at"
        case $_aimx_mode in
            0:*:*[2367]) _aimx_fail "$_aimx_way is open to all for writing: root unpacks nothing below it" ;;
            # Debian's group staff may write below /usr/local, and is root by that.
            0:0:* | 0:50:*) ;;
            0:*:*[2367]?) _aimx_fail "$_aimx_way is open to a group for writing: root unpacks nothing below it" ;;
            0:*) ;;
            *) _aimx_fail "$_aimx_way does not belong to root: root unpacks nothing below it" ;;
        esac
        [ -n "$_aimx_way" ] || return 0
        _aimx_way=${_aimx_way%/*}
    done
}

# _aimx_unpack BASE: make BASE/<id>, whole or not at all. Run in a subshell: what it sets and traps ends with it.
_aimx_unpack() {
    LC_ALL=C
    PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
    export LC_ALL PATH
    unset TAR_OPTIONS GZIP # options that nobody here has asked for
    _aimx_fits
    if [ "$1" = "$_aimx_shared" ]; then
        umask 022
        if [ ! -d /usr/local/lib ]; then mkdir -p /usr/local/lib || exit 1; fi
        _aimx_closed /usr/local/lib
        [ -d "$1" ] || mkdir "$1" 2>/dev/null || [ -d "$1" ] || _aimx_fail "$1 cannot be made: is /usr/local read-only?"
        _aimx_closed "$1"
    else
        umask 077
        mkdir -p "$1" 2>/dev/null || _aimx_fail "$1 cannot be made: aimx unpacks itself there once; is it read-only?"
        [ -O "$1" ] || _aimx_fail "$1 does not belong to you: aimx unpacks itself there once"
    fi
    [ -r "$_aimx_program" ] || _aimx_fail "$_aimx_program cannot be read: make it readable, or let root start it once"
    _aimx_found=$(tail -c +@OFFSET@ "$_aimx_program" | sha256sum)
    [ "${_aimx_found%% *}" = @DIGEST@ ] || _aimx_fail "$_aimx_program is damaged: download it again"
    [ -t 2 ] && printf 'aimx @TAG@ unpacks itself once, into %s (@SIZE@ MB)\n' "$1" >&2
    _aimx_new=$(mktemp -d "$1/.new-XXXXXXXX" 2>&1) || _aimx_fail "$1 cannot be written: $_aimx_new"
    trap 'rm -rf "$_aimx_new"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    _aimx_said=$(tail -c +@OFFSET@ "$_aimx_program" | gzip -dc | tar -xf - -C "$_aimx_new" 2>&1) || {
        case $_aimx_said in
            *'No space left on device'* | *'Wrote only '*) _aimx_said="no space left on the disk; it takes @SIZE@ MB" ;;
            *) _aimx_said=${_aimx_said##*
} ;;
        esac
        _aimx_fail "aimx could not be unpacked into $1: ${_aimx_said:-no program tar}"
    }
    sync -f "$_aimx_new" 2>/dev/null || sync
    _aimx_said=$("$_aimx_new/bin/python3" -I "$_aimx_new/settle.py" "$1/$_aimx_id" 2>&1) || {
        _aimx_said=${_aimx_said##*
}
        _aimx_fail "aimx cannot run from $1: ${_aimx_said:-it was killed}"
    }
}

# The shared tree is root's and only root's, whoever starts it. What is made here is 0755; below a directory that hands
# its group down, 2755.
if [ -f "$_aimx_shared/$_aimx_id/complete" ] && [ -x "$_aimx_shared/$_aimx_id/bin/python3" ]; then
    case $(PATH=$PATH:/usr/bin:/bin stat -c %u:%a, -- "$_aimx_shared" "$_aimx_shared/$_aimx_id") in
        0:755,*0:755, | 0:2755,*0:755, | 0:2755,*0:2755,) _aimx_start "$_aimx_shared/$_aimx_id" "$@" ;;
    esac
fi
if [ "$(PATH=$PATH:/usr/bin:/bin id -u)" = 0 ]; then
    _aimx_base=$_aimx_shared
else
    case ${XDG_CACHE_HOME-} in
        /*) _aimx_base=$XDG_CACHE_HOME/aimx ;;
        *)
            case ${HOME-} in
                /*) _aimx_base=$HOME/.cache/aimx ;;
                *) _aimx_fail "aimx unpacks itself once below the home directory, and HOME is not set; or start it once as root" ;;
            esac
            ;;
    esac
    if [ -f "$_aimx_base/$_aimx_id/complete" ] && [ -x "$_aimx_base/$_aimx_id/bin/python3" ] && [ -O "$_aimx_base/$_aimx_id" ]; then
        _aimx_start "$_aimx_base/$_aimx_id" "$@"
    fi
fi
(_aimx_unpack "$_aimx_base") || exit
_aimx_start "$_aimx_base/$_aimx_id" "$@"
exit 1
