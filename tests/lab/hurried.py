"""`python -m tests.lab.hurried serve …`: the daemon as it is, with less patience for remote mail servers.

What it waits for is the same; a test of servers that never answer should not take the minutes that mail may.
"""

from aimx import limits
from aimx.cli.main import main

PATIENCE_S = 3.0
TOTAL_S = 12.0

if __name__ == "__main__":
    for name in ("CONNECT", "BANNER", "COMMAND", "TLS", "BLOCK"):
        setattr(limits, f"MX_{name}_S", PATIENCE_S)
    limits.MX_TOTAL_S, limits.MX_FINAL_S = TOTAL_S, 2 * PATIENCE_S
    main()
