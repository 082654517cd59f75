"""Run inside its own namespaces: `aimx send` as an ordinary user, the daemon unmodified, Postfix on the other side.

`python -m tests.lab.exchange <directory>`: dnsmasq on port 53 named by /etc/resolv.conf, the daemon as root on port 25
of its address, one Postfix with STARTTLS and one without on port 25 of theirs. Prints what happened, as JSON.
"""

import json
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from aimx.demo import program
from aimx.mime import frontmatter
from tests.daemon.pem import write_pair
from tests.harness import DOMAIN, Daemon
from tests.lab import world
from tests.lab.postfix import SIZE_OCTETS, Postfix
from tests.mailauth import signing
from tests.root import users

OURS, SECURE, PLAIN = "203.0.113.5", "198.51.100.25", "198.51.100.26"
ALICE, BOB = f"alice@{DOMAIN}", f"robert@{DOMAIN}"
MARKDOWN = (
    "# Grüße\n\nSee **this** & [that](https://example.test/?a=1&b=2).\n\n.dot\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n"
)


def _cases(tree: Path) -> dict[str, list[str]]:
    big, small = tree / "big.bin", tree / "Ünïcode.bin"
    big.write_bytes(bytes(range(256)) * (SIZE_OCTETS // 256))
    small.write_bytes(bytes(range(256)) * 16)
    for file in (big, small):
        file.chmod(0o644)
    return {
        "tls": ["--to", "bob@tls.test", "--body", MARKDOWN, "--cc", "Bob <bob@plain.test>", "--bcc", "bob@tls.test"],
        "plain": ["--to", "bob@plain.test", "--body", MARKDOWN],
        "text": ["--to", "bob@tls.test", "--body", "From the start\nline two \n.\n", "--text-only"],
        "attachment": ["--to", "bob@tls.test", "--body", "See the file.", "--attachment", str(small)],
        "unknown-user": ["--to", "no@tls.test", "--body", "x"],
        "greylisted": ["--to", "later@tls.test", "--body", "x"],
        "too-big": ["--to", "bob@tls.test", "--body", "x", "--attachment", str(big)],
        "mixed": ["--to", "bob@tls.test,no@tls.test", "--body", "x"],
        "agent-to-agent": ["--to", BOB, "--body", MARKDOWN],
        "not-the-owner": ["--to", "bob@tls.test", "--body", "x", "--from", BOB],
    }


def _zone() -> str:
    key = signing.record()
    pieces = ",".join(f'"{key[start : start + 250]}"' for start in range(0, len(key), 250))
    return f"""
host-record=mx.{DOMAIN},{OURS}
mx-host={DOMAIN},mx.{DOMAIN},10
txt-record={DOMAIN},"v=spf1 ip4:{OURS} -all"
txt-record=aimx._domainkey.{DOMAIN},{pieces}
txt-record=_dmarc.{DOMAIN},"v=DMARC1; p=reject; adkim=s"
host-record=mx.tls.test,{SECURE}
mx-host=tls.test,mx.tls.test,10
host-record=mx.plain.test,{PLAIN}
mx-host=plain.test,mx.plain.test,10
"""


def _config(owners: dict[str, pwd.struct_passwd]) -> str:
    return f"""domain = "{DOMAIN}"
trust = "verified"
trusted_senders = ["*@{DOMAIN}"]
[mailboxes.alice]
address = "{ALICE}"
owner = "{owners["a"].pw_name}"
[mailboxes.robert]
address = "{BOB}"
owner = "{owners["b"].pw_name}"
"""


# In a process of its own: aimx replaces parts of the libraries that authheaders uses.
_STOCK = """
import sys
import spf
from authheaders import authenticate_message
ip, sender, helo = sys.argv[1:]
message = sys.stdin.buffer.read()
results = authenticate_message(message, "lab.test", spf=True, dkim=True, dmarc=True, ip=ip, mail_from=sender, helo=helo)
print(" ".join(results.split()))
"""


def send(daemon: Daemon, user: pwd.struct_passwd, aimx: list[str], name: str, arguments: list[str]) -> dict[str, Any]:
    """One `aimx send` as this user: exit code, what it printed."""
    words = arguments if "--from" in arguments else ["--from", ALICE, *arguments]
    done = subprocess.run(
        [*aimx, "send", "--subject", f"Grüße: {name}", *words], env=daemon.env, capture_output=True, text=True,
        timeout=120, check=False, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/",
    )  # fmt: skip
    return {"exit": done.returncode, "out": done.stdout, "err": done.stderr}


def records(daemon: Daemon, folder: str, mailbox: str) -> list[dict[str, Any]]:
    """Fields of all messages of a folder."""
    found = []
    for path in daemon.messages(mailbox, folder):
        fields, body = frontmatter.read(path.read_bytes())
        found.append({**fields, "body": body.decode()})
    return found


def judged(octets: bytes) -> dict[str, Any]:
    """What others think of a message as it lies in the Maildir, where lines end with LF."""
    wire = octets.replace(b"\n", b"\r\n")
    opendkim = subprocess.run(["opendkim-testmsg"], input=wire, capture_output=True, timeout=60, check=False)
    stock = [sys.executable, "-c", _STOCK, OURS, ALICE, DOMAIN]
    results = subprocess.run(stock, input=wire, capture_output=True, timeout=60, check=True).stdout.decode()
    return {
        "octets": octets.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace").decode(),
        "opendkim": [opendkim.returncode, opendkim.stderr.decode("utf-8", "replace")],
        "dkimpy": signing.verifies(wire),
        "authheaders": results,
    }


def play(tree: Path, owners: dict[str, pwd.struct_passwd]) -> dict[str, Any]:
    """Everything, in order."""
    dnsmasq = world.network(tree, _zone(), (OURS, SECURE, PLAIN))
    for address in (SECURE, PLAIN):  # our own address is the source, as it would be from another machine
        world.shell("ip", "route", "change", "local", address, "dev", "lo", "table", "local", "src", OURS)
    secure = Postfix(tree / "secure", SECURE, "tls.test", write_pair(tree / "pair", "mx.tls.test"))
    plain = Postfix(tree / "plain", PLAIN, "plain.test", None)
    daemon = Daemon(tree / "daemon", _config(owners), AIMX_TEST_DNS="")
    daemon.arguments = ["--bind", f"{OURS}:25"]
    signing.install(daemon.etc)
    aimx = program.argv(tree / "program", others=True)
    try:
        secure.start()
        plain.start()
        with daemon:
            sent = {name: send(daemon, owners["a"], aimx, name, words) for name, words in _cases(tree).items()}
            return {
                "sent": sent,
                "records": records(daemon, "sent", "alice"),
                "received": records(daemon, "inbox", "robert"),
                "secure": [judged(octets) for octets in secure.delivered(4)],
                "plain": [judged(octets) for octets in plain.delivered(2)],
                "log": {"secure": secure.log(), "plain": plain.log(), "daemon": "\n".join(daemon.log)},
            }
    finally:
        secure.stop()
        plain.stop()
        dnsmasq.terminate()
        dnsmasq.wait(10)


def main() -> None:
    """In a directory that every user can enter."""
    with tempfile.TemporaryDirectory(prefix="aimx-lab-", dir="/var/tmp") as name, users.users("a", "b") as owners:
        Path(name).chmod(0o755)
        print(json.dumps(play(Path(name), owners)))


if __name__ == "__main__":
    main()
