"""`python -m tests.faults.impatient serve …`: the daemon as it is, less patient with mail servers that say nothing.

Not so little that a slow machine takes a server that answers for one that does not.
"""

from aimx import limits
from aimx.cli.main import main

PATIENCE_S = 8.0

if __name__ == "__main__":
    for name in ("CONNECT", "BANNER", "COMMAND", "TLS", "BLOCK", "FINAL"):
        setattr(limits, f"MX_{name}_S", PATIENCE_S)
    limits.MX_TOTAL_S = 4 * PATIENCE_S
    main()
