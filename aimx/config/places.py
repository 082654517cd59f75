"""Where the socket is, as plain text: a client that runs for one request does not load pathlib for it."""

import os


def runtime_directory() -> str:
    """`AIMX_RUNTIME_DIR`, else /run/aimx."""
    return os.environ.get("AIMX_RUNTIME_DIR") or "/run/aimx"


def socket_name() -> str:
    """The AIMX/1 socket."""
    return os.path.join(runtime_directory(), "aimx.sock")
