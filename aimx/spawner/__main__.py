"""Entry point: `python -I -m aimx.spawner FD [key=value …]`."""

from aimx.spawner.main import main

main()
