"""Run inside its own network and mount namespace, where every address is this machine: peers that SPF can tell apart.

`python -m tests.lab.everywhere <directory>`: dnsmasq on port 53 named by /etc/resolv.conf, the daemon unmodified, one
connection from each peer's own address. Prints what was stored, as JSON.
"""

import json
import smtplib
import sys
import tomllib
from pathlib import Path

from tests.harness import Daemon
from tests.lab import world
from tests.mailauth.signing import message

ADDRESS = "203.0.113.5"
# Peer, HELO, reverse-path.
CASES = {
    "ip4": ("192.0.2.7", "h.test", "a@ip4.test"),
    "ip4, another peer": ("192.0.2.8", "h.test", "a@ip4.test"),
    "mx": ("198.51.100.9", "h.test", "a@mx.test"),
    "ptr": ("198.51.100.9", "h.test", "a@ptr.test"),
    "bounce": ("198.51.100.9", "mail.mx.test", ""),
    "dead": ("192.0.2.7", "h.test", "a@dead.test"),
    "short name in the search domain": ("192.0.2.7", "h.test", "a@searched"),
    "absent": ("192.0.2.7", "h.test", "a@absent.test"),
}
ZONE = f"""
txt-record=ip4.test,"v=spf1 ip4:192.0.2.7 -all"
txt-record=mx.test,"v=spf1 mx -all"
mx-host=mx.test,mail.mx.test,10
host-record=mail.mx.test,198.51.100.9
txt-record=mail.mx.test,"v=spf1 a -all"
txt-record=ptr.test,"v=spf1 ptr:mx.test -all"
txt-record=searched.corp.test,"v=spf1 +all"
server=/dead.test/{ADDRESS}#9
"""


def stored(daemon: Daemon, peer: str, helo: str, sender: str) -> dict[str, str]:
    """Send one message from a peer's address; the fields of its file."""
    before = set(daemon.messages())
    with smtplib.SMTP(ADDRESS, daemon.port, helo, timeout=60, source_address=(peer, 0)) as client:
        client.sendmail(sender, ["ops@agent.test"], message(b"a@mx.test"))
    (path,) = set(daemon.messages()) - before
    fields = tomllib.loads(path.read_text().split("+++\n", 2)[1])
    return {key: fields.get(key, "") for key in ("received_from_ip", "spf", "auth_detail")}


def main() -> None:
    """Everything, in order."""
    tree = Path(sys.argv[1])
    dnsmasq = world.network(tree, ZONE, search="search corp.test\n")
    daemon = Daemon(tree / "daemon", AIMX_TEST_DNS="")
    daemon.arguments = ["--bind", f"{ADDRESS}:0"]
    try:
        with daemon:
            print(json.dumps({name: stored(daemon, *case) for name, case in CASES.items()}))
    finally:
        dnsmasq.terminate()
        dnsmasq.wait(10)


if __name__ == "__main__":
    main()
