"""Hooks under a real systemd: a Debian tree, booted in namespaces of its own. `nox -s systemd` runs these tests."""
