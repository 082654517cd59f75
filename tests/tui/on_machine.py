"""`aimx setup` on a machine in a directory (tests/root/setup_host.py), on the terminal that this process has."""

import json
import os
import sys
from pathlib import Path


def main(path):
    """What to run is in that file; its directory gets the exit code."""
    asked = json.loads(Path(path).read_text())
    os.environ.clear()
    os.environ.update(asked["env"])
    from aimx.cli import diagnostics, main, setup_run
    from aimx.provision.setup.site import Site

    tree = Path(asked["tree"])
    options = main.parser(main.find("setup")).parse_args(asked["words"])
    site = Site(
        tree / "etc/aimx", tree / "var/lib/aimx", Path(asked["socket"]), tree, options.verify_host,
        ("127.0.0.1", asked["port"]), asked["verifier_port"], ("/usr/bin/aimx",),
    )  # fmt: skip
    try:
        code = setup_run.run(site, options)
    except BaseException as error:
        code = diagnostics.failed(error)
    Path(path).with_suffix(".code").write_text(str(int(code)))


if __name__ == "__main__":
    main(sys.argv[1])
