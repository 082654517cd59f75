"""`aimx mcp`: the MCP server of an agent, on standard input and output."""

import argparse
import gc


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which tools."""
    parser.add_argument(
        "--tools",
        choices=("all", "core"),
        default="all",
        help="core: the guide's twelve only [default: all]",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until the client closes standard input."""
    gc.disable()  # what imports make is kept
    from aimx.mcp import server

    gc.freeze()
    gc.enable()
    server.serve(core=options.tools == "core")
    return 0
