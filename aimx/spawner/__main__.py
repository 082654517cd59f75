"""Entry point: `python -I -m aimx.spawner FD [key=value …]`."""

import contextlib

from aimx.spawner.main import main

with contextlib.suppress(BrokenPipeError):  # a front that could not start has said why and is gone
    main()
