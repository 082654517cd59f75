"""What a host needs for aimx, what it has, and what should be done about the difference."""
