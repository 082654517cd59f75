"""Run inside its own namespaces: `aimx dns` against a resolver with an old answer and a name server that changes.

`python -m tests.lab.publishing <directory>`: dnsmasq on port 53 named by /etc/resolv.conf, another one that answers for
the domain at an address of its own, the program unmodified. Prints what it said, as JSON.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.harness import config_text
from tests.lab import world

DOMAIN, ADDRESS, SERVER = "agent.test", "203.0.113.5", "198.51.100.53"
SERVER_NAME = f"ns1.{DOMAIN}"
_NS = "".join(f"{len(label):02x}{label.encode().hex()}" for label in SERVER_NAME.split(".")) + "00"
# What the resolver has: who answers for the domain, and an address that is no longer true.
RESOLVER = f"""
dns-rr={DOMAIN},2,{_NS}
host-record={SERVER_NAME},{SERVER}
host-record={DOMAIN},192.0.2.99
ptr-record=5.113.0.203.in-addr.arpa,{DOMAIN}
"""
AUTHORITATIVE = f"""
no-resolv
no-hosts
listen-address={SERVER}
bind-interfaces
auth-server={SERVER_NAME},{SERVER}
auth-zone={DOMAIN}
"""


def serve(tree: Path, records: list[dict[str, str]]) -> "subprocess.Popen[bytes]":
    """A dnsmasq that answers for the domain with these records, as `aimx dns records --json` tells them."""
    lines = [_line(record) for record in records]
    file = tree / "authoritative.conf"
    file.write_text(AUTHORITATIVE + "\n".join(lines) + "\n")
    argv = ["dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file", f"--conf-file={file}"]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    if not world.until_open(SERVER, 53, process):
        process.kill()
        raise SystemExit("the second dnsmasq does not answer")
    return process


def _line(record: dict[str, str]) -> str:
    name, value = record["name"], record["value"]
    if record["type"] == "A":
        return f"host-record={name},{value}"
    if record["type"] == "MX":
        preference, _, host = value.partition(" ")
        return f"mx-host={name},{host.removesuffix('.')},{preference}"
    pieces = [value[at : at + 250] for at in range(0, len(value), 250)]
    return f"txt-record={name},{','.join(json.dumps(piece) for piece in pieces)}"


def main() -> None:
    """Nothing published; a watch begins; everything published as told; the watch ends."""
    tree = Path(sys.argv[1])
    etc = tree / "etc"
    etc.mkdir()
    (etc / "config.toml").write_text(config_text())
    env = {**os.environ, "AIMX_CONFIG_DIR": str(etc), "AIMX_RUNTIME_DIR": str(etc)}
    env.pop("AIMX_TEST_DNS", None)
    aimx = [sys.executable, "-m", "aimx.cli.main"]

    def run(*words: str) -> dict[str, Any]:
        done = subprocess.run([*aimx, *words], env=env, capture_output=True, text=True, timeout=120, check=False)
        return {"exit": done.returncode, "err": done.stderr, **json.loads(done.stdout or "{}")}

    resolver = world.network(tree, RESOLVER, addresses=(ADDRESS,))
    running = serve(tree, [])
    given = ("--ipv4", ADDRESS)
    try:
        run("dkim-keygen", "--json")
        told = run("dns", "records", "--json", *given)
        before = run("dns", "check", "--json", *given)
        command = [*aimx, "dns", "check", "--json", "--watch", *given]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as watch:
            assert watch.stdout is not None
            first = json.loads(watch.stdout.readline())
            running.terminate()
            running.wait(30)
            running = serve(tree, told["records"])
            last = [json.loads(line) for line in watch.stdout][-1]
            code = watch.wait(120)
        after = run("dns", "check", "--json", *given)
        print(json.dumps({"told": told, "before": before, "first": first, "last": last, "code": code, "after": after}))
    finally:
        for process in (running, resolver):
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
