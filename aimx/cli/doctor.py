"""`aimx doctor`: is this installation well, and if not, what is to be done (guide, "Troubleshooting").

Works for everybody with what he may see. Exit code 1 when something is wrong; what could not be checked is not wrong,
and neither are two versions that differ.
"""

import argparse
import json

from aimx.cli import output
from aimx.errors import Exit


def arguments(parser: argparse.ArgumentParser) -> None:
    """--json."""
    parser.add_argument("--json", action="store_true", help="print everything as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Gather, judge, show. What that takes is loaded here, not for somebody who asks for help."""
    from aimx.cli import doctor_text
    from aimx.cli.style import Style
    from aimx.config import paths
    from aimx.provision import checks, gather, report
    from aimx.provision.gather import Where

    where = Where(paths.config_file(), paths.data_dir_override(options.data_dir), paths.socket_file())
    facts = gather.gather(where)
    findings = checks.findings(facts)
    if options.json:
        output.write(json.dumps(report.report(facts, findings), ensure_ascii=False))
    else:
        output.write("\n".join(doctor_text.lines(facts, findings, Style())))
    return Exit.FAILED if any(finding.severity == "fail" for finding in findings) else Exit.OK
