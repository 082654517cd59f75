"""AIMX/1 without I/O: octets to frames and back (reference section 1)."""
