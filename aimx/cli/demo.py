"""`aimx demo`: the main job on loopback, without root, domain or port 25."""

import argparse

from aimx.cli import diagnostics, output


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of ours."""
    parser.add_argument("--keep", action="store_true", help="leave daemon and tree; say how to use and stop them")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the report")


def run(options: argparse.Namespace) -> int:
    """Play it and print what happened."""
    from aimx.demo import play, show

    if options.data_dir is not None:
        diagnostics.say("the demo has a temporary tree of its own: --data-dir is not used")
    performance = play.perform(options.keep, _silent if options.json else diagnostics.say)
    if options.json:
        import msgspec

        output.write(msgspec.json.encode(performance).decode())
    else:
        output.write(show.text(performance, output.colour()))
    return 0


def _silent(_text: str) -> None:
    """Scripts read the result only."""
