"""Giving up privileges for good: the one file that changes a process's identity.

Runs only in a freshly forked child (or in a process before it does anything else). Every step raises on failure;
a caller that cannot drop must exit.
"""

import os
import resource
import signal

from aimx import limits
from aimx.effects import linux
from aimx.model.job import JobSpec

_CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapAmb")


def become(uid: int, gid: int, groups: tuple[int, ...]) -> None:
    """Take an identity for good: groups, gid, uid, then prove that nothing of the old one is left.

    Raises: OSError or PermissionError; the process must then end.
    """
    os.setgroups(list(groups))
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if (
        os.getresuid() != (uid,) * 3
        or os.getresgid() != (gid,) * 3
        or set(os.getgroups()) - {gid} != set(groups) - {gid}
    ):
        raise PermissionError("identity did not change")
    if uid != 0:
        linux.drop_capabilities()
        status = linux.own_status()
        if any(int(status[name], 16) for name in _CAPABILITIES):
            raise PermissionError("capabilities are left")


def become_hook_owner(spec: JobSpec, parent: int) -> None:
    """What a hook's child does between fork and exec, except descriptors and directory.

    Session, signals, mask, limits, identity; then it is bound to the life of `parent`.

    Raises: OSError.
    """
    os.setsid()
    reset_signals()
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _leave_oom_protection()
    if spec.change_identity:
        become(spec.uid, spec.gid, spec.groups)
    linux.adopt()
    linux.die_with(parent)


def _leave_oom_protection() -> None:
    """A unit may shield the daemon from the OOM killer; a hook is not the daemon."""
    # Read first: after a change of identity the file is root's, and nearly always there is nothing to change.
    with open("/proc/self/oom_score_adj") as file:
        protected = int(file.read()) < 0
    if protected:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("0")


def reset_signals() -> None:
    """Default disposition for every signal, an empty mask, and no wakeup descriptor of the parent's loop."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


# capabilities(7); SYS_ADMIN is for a network namespace, SETPCAP for the bounding set.
_ISOLATING = {"CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_SETPCAP": 8, "CAP_SYS_ADMIN": 21}


def ignore_endings() -> None:
    """A terminal or an init system signals the whole group: the front decides when its helpers end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def lacking() -> tuple[str, ...]:
    """What root must be able to do, by capability, so that `isolate` can succeed, and this process cannot."""
    if os.geteuid() != 0:
        return ()
    held = int(linux.own_status()["CapEff"], 16)
    return tuple(name for name, number in _ISOLATING.items() if not held & 1 << number)


def isolate(uid: int, gid: int, network: bool, memory_octets: int) -> dict[str, bool]:
    """Turn a helper into one that holds nothing, and say what was verified.

    Args:
        uid, gid: the identity to take when running as root; ignored otherwise.
        network: whether the helper may keep the network (the resolver).
        memory_octets: limit of the address space; 0 for none.

    Returns:
        One entry per check, read back from the kernel. The front refuses work until all are true.
    """
    root = os.geteuid() == 0
    before = os.readlink("/proc/self/ns/net")
    if root:
        if not network:
            linux.unshare(linux.CLONE_NEWNET)
        linux.drop_bounding_set()
        become(uid, gid, ())
    linux.drop_capabilities()
    separate = os.readlink("/proc/self/ns/net") != before
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    wanted = _resources(memory_octets, network)
    for kind, limit in wanted.items():
        resource.setrlimit(kind, (limit, limit))
    status = linux.own_status()
    return {
        "uid": not root or (set(status["Uid"].split()) == {str(uid)} and uid != 0),
        "gid": not root or (set(status["Gid"].split()) == {str(gid)} and gid != 0),
        "groups": not root or status["Groups"] in ("", str(gid)),
        "capabilities": all(int(status[name], 16) == 0 for name in _CAPABILITIES),
        "bounding_set": not root or int(status["CapBnd"], 16) == 0,
        "no_new_privs": status["NoNewPrivs"] == "1",
        "not_dumpable": linux.prctl(linux.PR_GET_DUMPABLE) == 0,
        "no_network": network or not root or separate,
        "limits": all(resource.getrlimit(kind) == (limit, limit) for kind, limit in wanted.items()),
    }


def _resources(memory_octets: int, network: bool) -> dict[int, int]:
    """Limits of a helper. A worker never starts a process or thread; neither role ever writes a file."""
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: min(limits.RESOLVER_FILES if network else limits.WORKER_FILES, most_files),
    }
    if not network:
        wanted[resource.RLIMIT_NPROC] = 0
    if memory_octets:
        wanted[resource.RLIMIT_AS] = memory_octets
    return wanted
