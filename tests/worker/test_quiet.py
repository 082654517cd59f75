"""A loaded worker writes no log records: nobody would read them, and every signature would make some."""

import subprocess
import sys

CODE = """
import logging

from aimx.worker import main

main.preload()
print(logging.root.handlers, logging.getLogger("dkimpy").isEnabledFor(logging.INFO))
"""


def test_no_library_logs_after_the_preload():
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=300, check=True)
    assert run.stdout.strip() == "[] False", run.stdout
