"""The few system calls that Python 3.11 does not wrap, by ctypes. Each returns normally or raises OSError."""

import ctypes
import errno
import os
import signal

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNET = 0x40000000
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
SYS_OPENAT2 = 437  # the same number on every architecture
RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
TIMEX_OCTETS = 512  # twice struct timex, whose first field, modes, is 0
TIME_ERROR = 5
M_MMAP_THRESHOLD = -3  # of glibc's mallopt
M_ARENA_MAX = -8
PR_SET_PDEATHSIG = 1
PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38


def _check(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def clock_synchronised() -> bool | None:
    """adjtimex(2), asking only: whether something keeps the clock right; None where the kernel does not tell."""
    state = _libc.adjtimex(ctypes.create_string_buffer(TIMEX_OCTETS))
    return None if state < 0 else state != TIME_ERROR


def malloc_bounds(arenas: int, mapped: int) -> bool:
    """mallopt(3): from how many arenas threads allocate; from how many octets on a piece is mapped by itself.

    Each thread keeps what it once needed in an arena of its own, and Python lets one thread run at a time anyway. What
    is mapped goes back to the system with the piece; glibc, left alone, stops mapping what is as large as a piece that
    there has been, and keeps twice that. False where the C library has no such thing.
    """
    mallopt = getattr(_libc, "mallopt", None)
    return mallopt is not None and mallopt(M_ARENA_MAX, arenas) == mallopt(M_MMAP_THRESHOLD, mapped) == 1


def rename_noreplace(src_dir: int, src: str, dst_dir: int, dst: str) -> None:
    """renameat2(2) with RENAME_NOREPLACE: plain rename silently replaces an empty squatted directory.

    Raises: FileExistsError when the name is taken; OSError otherwise.
    """
    result = _libc.renameat2(src_dir, os.fsencode(src), dst_dir, os.fsencode(dst), RENAME_NOREPLACE)
    _check(result, "renameat2")


def rename_exchange(src_dir: int, src: str, dst_dir: int, dst: str) -> None:
    """renameat2(2) with RENAME_EXCHANGE: both names exist before and after, each is the other's then.

    Raises: FileNotFoundError when one of them does not exist; OSError otherwise.
    """
    _check(_libc.renameat2(src_dir, os.fsencode(src), dst_dir, os.fsencode(dst), RENAME_EXCHANGE), "renameat2")


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(directory: int, name: str, flags: int) -> int:
    """openat2(2) without symlinks or mount points: an owner's FUSE mount is refused before it can answer, or hang.

    A kernel or sandbox without it gets openat(2); callers compare devices afterwards in any case.
    Raises: OSError; EXDEV for a mount point, ELOOP for a symlink.
    """
    how = _OpenHow(flags, 0, RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH)
    result = int(_libc.syscall(SYS_OPENAT2, directory, os.fsencode(name), ctypes.byref(how), ctypes.sizeof(how)))
    if result >= 0:
        return result
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EPERM, errno.EAGAIN):
        return os.open(name, flags, dir_fd=directory)
    raise OSError(number, os.strerror(number), name)


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(_libc.unshare(flags), "unshare")


def prctl(option: int, argument: int = 0) -> int:
    """prctl(2) with one argument; its result."""
    return _check(_libc.prctl(option, argument, 0, 0, 0), "prctl")


def die_with(parent: int) -> None:
    """Be killed when `parent`, which forked this process, ends. Forgotten by a later change of identity.

    Raises: ProcessLookupError when it has ended already.
    """
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise ProcessLookupError("the parent has ended")


def wake_without_parent() -> None:
    """Be continued when the parent ends: whoever stands still would never see that."""
    prctl(PR_SET_PDEATHSIG, signal.SIGCONT)


def adopt() -> None:
    """Whoever descends from this process and loses his parent becomes its child, not that of init; also after exec."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def children() -> list[int]:
    """Children of this process's main thread that it has not waited for; none where the kernel does not tell."""
    try:
        return [int(word) for word in _read(f"/proc/self/task/{os.getpid()}/children").split()]
    except FileNotFoundError:  # without CONFIG_PROC_CHILDREN
        return []


def drop_bounding_set() -> None:
    """Empty the capability bounding set: no exec can ever bring a capability back."""
    last = int(_read("/proc/sys/kernel/cap_last_cap"))
    for capability in range(last + 1):
        prctl(PR_CAPBSET_DROP, capability)


def drop_capabilities() -> None:
    """Give up every capability of this process, inheritable ones too (which a change of uid leaves alone)."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    nothing = (ctypes.c_uint32 * 6)()
    _check(_libc.capset(header, nothing), "capset")


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


def own_status() -> dict[str, str]:
    """The fields of /proc/self/status."""
    pairs = (line.split(":", 1) for line in _read("/proc/self/status").splitlines() if ":" in line)
    return {key: text.strip() for key, text in pairs}
