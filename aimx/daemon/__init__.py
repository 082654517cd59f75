"""aimx serve: the nursery tree of the front."""
