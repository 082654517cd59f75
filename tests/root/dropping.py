"""A daemon of root for mailboxes of several users; what they send goes to the directory `drop` of its tree."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.harness import DOMAIN, Daemon
from tests.mailauth import signing


@contextlib.contextmanager
def daemon(owners: Mapping[str, str], catchall: str) -> Iterator[Daemon]:
    """`owners`: the user of each mailbox. `catchall`: the owner of that one. Everybody may reach its socket."""
    addresses = {name: f"{name}@{DOMAIN}" for name in owners} | {"catchall": f"*@{DOMAIN}"}
    tables = [
        f'[mailboxes.{name}]\naddress = "{address}"\nowner = "{owners.get(name, catchall)}"\n'
        for name, address in addresses.items()
    ]
    with tempfile.TemporaryDirectory(prefix="aimx-dropping-") as directory:
        tree = Path(directory)
        tree.chmod(0o755)
        drop = tree / "drop"
        drop.mkdir()
        made = Daemon(tree, f'domain = "{DOMAIN}"\n' + "".join(tables), AIMX_TEST_MAIL_DROP=str(drop))
        signing.install(made.etc)
        with made:
            yield made
