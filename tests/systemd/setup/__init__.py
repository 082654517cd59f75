"""`aimx setup` from nothing to mail, on a booted machine between a name server and an internet."""
