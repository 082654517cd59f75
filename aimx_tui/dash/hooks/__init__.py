"""Mode 2: hooks, what became of their runs, and why."""
