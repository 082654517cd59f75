"""The DNS of the tests: dnsmasq as the server that answers for two zones, and another one as everybody's resolver."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.mailauth import signing
from tests.systemd.setup.places import AUTHORITY, MX, PEER, RESOLVER, VERIFIER

Row = tuple[str, str, str]  # type, name, value: as aimx shows them

_BOTH = "no-resolv\nno-hosts\nbind-interfaces\nno-daemon\nuser=root\npid-file\ncache-size=0\nno-negcache\n"
_RESOLVER = f"""{_BOTH}listen-address={RESOLVER}
server=/example.test/{AUTHORITY}
server=/{PEER}/{AUTHORITY}
local=/arpa/
local=/test/
"""
_AUTHORITY = f"""{_BOTH}listen-address={AUTHORITY}
auth-server=ns.{PEER},{AUTHORITY}
auth-zone=example.test
auth-zone={PEER}
auth-ttl=1
host-record=ns.{PEER},{AUTHORITY}
host-record=verify.{PEER},{VERIFIER}
host-record=mx.{PEER},{MX}
mx-host={PEER},mx.{PEER},10
txt-record={PEER},"v=spf1 ip4:{MX} -all"
txt-record=_dmarc.{PEER},"v=DMARC1; p=reject"
"""


def _pieces(value: str) -> str:
    return ",".join(f'"{value[start : start + 250]}"' for start in range(0, len(value), 250))


def _line(row: Row) -> str:
    rtype, name, value = row
    if rtype == "A":
        return f"host-record={name},{value}"
    if rtype == "MX":
        preference, exchange = value.split()
        return f"mx-host={name},{exchange.rstrip('.')},{preference}"
    assert rtype == "TXT", row
    return f"txt-record={name},{_pieces(value)}"


class Names:
    """Both servers, in the network namespace of a process."""

    def __init__(self, directory: Path, pid: int) -> None:
        self._directory = directory
        self._enter = ("setpriv", "--pdeathsig", "KILL", "nsenter", "-t", str(pid), "-n")
        self._resolver = self._start("resolver", _RESOLVER)
        self._authority: subprocess.Popen[bytes] | None = None
        self.publish(())

    def publish(self, rows: Iterable[Row]) -> None:
        """What the zones say from now on, beside what the peer needs."""
        key = f"txt-record=s._domainkey.{PEER},{_pieces(signing.record())}\n"
        if self._authority is not None:
            self._authority.kill()
            self._authority.wait()
        self._authority = self._start("authority", _AUTHORITY + key + "".join(f"{_line(row)}\n" for row in rows))

    def _start(self, name: str, text: str) -> "subprocess.Popen[bytes]":
        file = self._directory / f"{name}.conf"
        file.write_text(text)
        with (self._directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen([*self._enter, "dnsmasq", f"--conf-file={file}"], stdout=log, stderr=log)

    def stop(self) -> None:
        """End them."""
        for process in (self._resolver, self._authority):
            if process is not None:
                process.kill()
                process.wait()
