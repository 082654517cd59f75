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


def become(uid: int, gid: int, groups: tuple[int, ...]) -> None:
    """Take an identity for good: groups, gid, uid, then prove that no id of the old one is left.

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


def become_hook_owner(spec: JobSpec) -> None:
    """The checklist of a hook's child between fork and exec, except descriptors: session, signals, identity, cwd.

    Raises: OSError naming the step in `strerror`.
    """
    os.setsid()
    reset_signals()
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if spec.change_identity:
        become(spec.uid, spec.gid, spec.groups)
    os.chdir(spec.cwd)


def reset_signals() -> None:
    """Default disposition for every signal, an empty mask, and no wakeup descriptor of the parent's loop."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def isolate(uid: int, gid: int, network: bool, memory_octets: int) -> dict[str, bool]:
    """Turn a helper into one that holds nothing, and say what was verified.

    Args:
        uid, gid: the identity to take when running as root; ignored otherwise.
        network: whether the helper may keep the network (the resolver).
        memory_octets: limit of the address space; 0 for none.

    Returns:
        One entry per check, read back from the kernel. The front refuses work until the ones it needs are true.
    """
    root = os.geteuid() == 0
    before = os.readlink("/proc/self/ns/net")
    if root:
        if not network:
            linux.unshare(linux.CLONE_NEWNET)
        linux.drop_bounding_set()
        become(uid, gid, ())
    separate = os.readlink("/proc/self/ns/net") != before
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    _bound_resources(memory_octets, network)
    status = linux.own_status()
    return {
        "uid": not root or (set(status["Uid"].split()) == {str(uid)} and uid != 0),
        "gid": not root or (set(status["Gid"].split()) == {str(gid)} and gid != 0),
        "groups": not root or status["Groups"] in ("", str(gid)),
        "capabilities": all(int(status[name], 16) == 0 for name in ("CapEff", "CapPrm", "CapInh")),
        "bounding_set": not root or int(status["CapBnd"], 16) == 0,
        "no_new_privs": status["NoNewPrivs"] == "1",
        "no_network": network or not root or separate,
        "limits": resource.getrlimit(resource.RLIMIT_CORE) == (0, 0),
    }


def _bound_resources(memory_octets: int, network: bool) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512) if network else (64, 64))
    if not network:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if memory_octets:
        resource.setrlimit(resource.RLIMIT_AS, (memory_octets, memory_octets))


WORKER_MEMORY = limits.WORKER_MEMORY_OCTETS
