"""aimx demo: the main job on loopback, with the real daemon."""
