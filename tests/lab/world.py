"""A network of our own for a test: namespaces in which every address is this machine, and dnsmasq as its only DNS."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
# With processes of its own too: whatever is left when the play ends, or is ended, ends with it.
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_DNS = """
no-resolv
no-hosts
local=/test/
local=/arpa/
listen-address=127.0.0.1
bind-interfaces
"""


def need(*programs: str) -> list[str]:
    """Their paths; the test is skipped where one is missing."""
    paths = []
    for program in programs:
        found = shutil.which(program, path=_PATH)
        if found is None:
            pytest.skip(f"{program} is not installed")
        paths.append(found)
    return paths


def play(module: str, tree: Path, *words: str, timeout_s: float = 180) -> Any:
    """Run `python -m module tree` in namespaces of its own; what it prints as JSON."""
    need("unshare", "ip", "mount", "dnsmasq")
    if subprocess.run([*_UNSHARE, "true"], capture_output=True, timeout=10, check=False).returncode:
        pytest.skip("namespaces are not permitted here")
    command = [*_UNSHARE, sys.executable, "-m", module, str(tree), *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout_s, check=False, env={**os.environ, "PATH": _PATH}
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def shell(*argv: str) -> None:
    """Run a program that has to succeed."""
    subprocess.run(argv, check=True, timeout=30)


def network(tree: Path, zone: str, addresses: tuple[str, ...] = (), search: str = "") -> "subprocess.Popen[bytes]":
    """Every address local, our DNS the only one; the running dnsmasq.

    `addresses`: of the interface; our own connections come from the first.
    """
    (tree / "resolv.conf").write_text(f"nameserver 127.0.0.1\n{search}")
    (tree / "dnsmasq.conf").write_text(_DNS + zone)
    shell("mount", "--bind", str(tree / "resolv.conf"), "/etc/resolv.conf")
    shell("ip", "link", "set", "lo", "up")
    for address in addresses:
        shell("ip", "address", "add", f"{address}/32", "dev", "lo")
    source = ["src", addresses[0]] if addresses else []
    shell("ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo", *source)
    argv = ["dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", f"--conf-file={tree / 'dnsmasq.conf'}"]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    if not until_open("127.0.0.1", 53, process):
        process.kill()
        raise SystemExit("dnsmasq does not answer")
    return process


def until_open(host: str, port: int, process: "subprocess.Popen[Any]", timeout_s: float = 30) -> bool:
    """Wait until something listens there; False when the process ends or takes too long."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            continue
        return True
    return False
