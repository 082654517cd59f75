"""Mode 3: doctor's checks, the daemon's counters, and what happens."""
