"""`python -m tests.faults.replaced serve …`: the daemon as it is, with `hostile` in the place of its spawner.

What it starts it starts by the program that `AIMX_FAULT_PROGRAM` names, and it waits less long for who hangs.
"""

import os
import sys

from aimx import limits
from aimx.cli.main import main

if __name__ == "__main__":
    sys.executable = os.environ["AIMX_FAULT_PROGRAM"]
    patience_s = float(os.environ["AIMX_FAULT_PATIENCE_S"])
    limits.EXAMINE_S, limits.DNS_QUERY_S = patience_s, patience_s
    main()
