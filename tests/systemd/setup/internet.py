"""The internet of the tests, in namespaces of its own: `python -m tests.systemd.setup.internet DIRECTORY`.

The verifier at one address and Postfix for peer.test at another, named by a resolver at a third. Says `ready`; ends
with its standard input.
"""

import subprocess
import sys
from pathlib import Path

from tests.lab import world
from tests.lab.postfix import Postfix
from tests.systemd.setup.places import MX, PEER, RESOLVER, VERIFIER, WEB_PORT


def main(tree: Path) -> None:
    """Run both until nobody listens."""
    (tree / "resolv.conf").write_text(f"nameserver {RESOLVER}\n")
    world.shell("mount", "--bind", str(tree / "resolv.conf"), "/etc/resolv.conf")
    settings = {
        "BIND_ADDR": f"{VERIFIER}:{WEB_PORT}", "SMTP_BIND_ADDR": f"{VERIFIER}:25", "EHLO_NAME": f"verify.{PEER}",
        "PROBE_RATE_PER_MINUTE": "1000",
    }  # fmt: skip
    program = Path(sys.executable).with_name("aimx-verifier")
    with (tree / "verifier.log").open("wb") as log:
        verifier = subprocess.Popen([program], env=settings, stdout=log, stderr=log)
    postfix = Postfix(tree / "postfix", MX, PEER, None)
    try:
        postfix.start()
        if not world.until_open(VERIFIER, WEB_PORT, verifier):
            raise SystemExit(f"the verifier does not answer: {(tree / 'verifier.log').read_text()}")
        print("ready", flush=True)
        sys.stdin.read()
    finally:
        verifier.kill()
        postfix.stop()


main(Path(sys.argv[1]))
