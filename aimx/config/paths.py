"""Where configuration, data and runtime files live: flag, then environment, then the guide's defaults."""

import os
from pathlib import Path

from aimx.config import places


def config_dir() -> Path:
    """`AIMX_CONFIG_DIR`, else /etc/aimx."""
    return Path(os.environ.get("AIMX_CONFIG_DIR") or "/etc/aimx")


def config_file() -> Path:
    """config.toml."""
    return config_dir() / "config.toml"


def socket_file() -> Path:
    """The AIMX/1 socket."""
    return Path(places.socket_name())


def data_dir_override(flag: str | None) -> Path | None:
    """`--data-dir`, else `AIMX_DATA_DIR`, else None: what config.toml says."""
    chosen = flag or os.environ.get("AIMX_DATA_DIR")
    return Path(chosen).absolute() if chosen else None


def tls_files() -> tuple[Path, Path]:
    """Certificate and key that setup generates."""
    return Path("/etc/ssl/aimx/cert.pem"), Path("/etc/ssl/aimx/key.pem")
