"""`aimx serve`."""

import argparse
from pathlib import Path

from aimx.cli import diagnostics
from aimx.config import paths


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the guide."""
    parser.add_argument(
        "--bind", metavar="ADDR", type=address, default="0.0.0.0:25", help="SMTP listener (default 0.0.0.0:25)"
    )
    parser.add_argument("--tls-cert", metavar="PATH", help="PEM certificate for STARTTLS")
    parser.add_argument("--tls-key", metavar="PATH", help="PEM private key for STARTTLS")
    parser.add_argument("--run-as", type=int, metavar="UID", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from aimx.daemon.serve import Options, serve

    cert, key = _tls(options.tls_cert, options.tls_key)
    serve(
        Options(
            config_file=paths.config_file(),
            data_dir=paths.data_dir_override(options.data_dir),
            socket_file=paths.socket_file(),
            bind=options.bind,
            tls_cert=cert,
            tls_key=key,
            run_as=options.run_as,
        )
    )
    return 0


def address(text: str) -> tuple[str, int]:
    """`host:port`. Raises: ArgumentTypeError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is no ADDRESS:PORT; write e.g. 0.0.0.0:25 or [::]:25")
    return host.strip("[]"), int(port)


def _tls(cert: str | None, key: str | None) -> tuple[Path | None, Path | None]:
    """Flags, else the files of setup when they are there."""
    if bool(cert) != bool(key):
        raise diagnostics.wrong_usage("--tls-cert and --tls-key go together", "aimx serve [OPTIONS]")
    if cert and key:
        return Path(cert), Path(key)
    default_cert, default_key = paths.tls_files()
    return (default_cert, default_key) if default_cert.exists() else (None, None)
