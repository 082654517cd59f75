"""`aimx send`: one letter, composed here, signed and delivered by the daemon, its outcome told.

Starts for one message, so that it loads no library: the tests measure it. Never reads config.toml or a key.
"""

import argparse
import os
import sys

from aimx import client
from aimx.cli import diagnostics, letter, output
from aimx.config import places
from aimx.drafting import submit
from aimx.errors import AimxError, DaemonAbsent, DaemonSilent, DaemonUnavailable, Exit, Failed, WireError, told
from aimx.model.draft import Draft
from aimx.wire.frames import Response, Send

ROOT = "send is a per-user operation, run without sudo"
ABSENT = "aimx daemon not running. Check 'systemctl status aimx'"
UNKNOWN = "it may have been delivered: look into the sent folder before you send it again"
_RETRYABLE = "TEMP"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The guide's flags and ours."""
    add = parser.add_argument
    add("--from", dest="from_", metavar="ADDR", required=True, help="sender: a mailbox of yours")
    for name in ("to", "cc", "bcc"):
        text = {"to": "recipient", "cc": "recipient of a copy", "bcc": "recipient whom no other one sees"}[name]
        add(f"--{name}", metavar="ADDR", action="append", default=[], help=f"{text}; repeatable, or a list with commas")
    add("--subject", metavar="TEXT", required=True, help="subject line")
    body = parser.add_mutually_exclusive_group(required=True)
    body.add_argument("--body", metavar="TEXT", help="Markdown; '-' reads standard input; \\n is a line break")
    body.add_argument("--body-file", metavar="PATH", help="the body from a file, as it is")
    add("--text-only", action="store_true", help="send the body as plain text, without HTML")
    add("--html-body", metavar="HTML", help="HTML of your own; the body is for readers without HTML")
    add("--reply-to", metavar="MSG-ID", help="Message-ID that this answers (In-Reply-To)")
    add("--references", metavar="CHAIN", help="Message-IDs of the whole thread (References)")
    add("--reply-to-address", metavar="ADDR", action="append", default=[], help="where answers go (Reply-To)")
    add("--attachment", metavar="PATH", action="append", default=[], help="attach a file; repeatable")
    add("--idempotency-key", metavar="KEY", help="send it once, however often this command is run within 24 hours")
    add("--dry-run", action="store_true", help="print the message that would be sent, and send nothing")
    add("--json", action="store_true", help="print the outcome as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Compose, hand over, tell."""
    if os.geteuid() == 0:
        return _failed(options, "EACCES", ROOT, Exit.USAGE)
    if options.text_only and options.html_body is not None:
        return _failed(options, "MALFORMED", submit.exclusive(), Exit.USAGE)
    if not (options.to or options.cc or options.bcc):
        raise diagnostics.wrong_usage("the following arguments are required: --to", "aimx send [OPTIONS]")
    try:
        draft = letter.draft(options)
        html, key = options.html_body, options.idempotency_key
        request = submit.request(draft, options.text_only, html, "--html-body", options.dry_run, key)
    except AimxError as error:
        return _failed(options, "VALIDATION", told(error))
    return _exchange(options, draft, request)


def _exchange(options: argparse.Namespace, draft: Draft, request: Send) -> int:
    path = places.socket_name()
    try:
        response = _call(path, request)
    except DaemonAbsent:
        return _failed(options, "TEMP", ABSENT, Exit.USAGE)
    except DaemonSilent as error:
        return _failed(options, "DELIVERY", f"{told(error)}; {UNKNOWN}", Exit.NO_ANSWER)
    except DaemonUnavailable as error:
        return _failed(options, "TEMP", f"Failed to connect to aimx daemon at {path}: {error.detail}", Exit.USAGE)
    except WireError as error:
        return _failed(
            options, "PROTOCOL", f"malformed response from the daemon: {told(error)}; {UNKNOWN}", Exit.NO_ANSWER
        )
    except KeyboardInterrupt:
        text = "interrupted" if options.dry_run else f"interrupted; {UNKNOWN}"
        return _failed(options, "DELIVERY", text, Exit.INTERRUPTED)
    if response.kind == "error":
        return _refused(options, draft, response)
    if options.dry_run:
        return _shown(options, draft, response)
    return _sent(options, draft, response)


def _call(path: str, request: Send) -> Response:
    """Remote servers may take minutes; whoever watches is told what is waited for."""
    if sys.stderr is None or not sys.stderr.isatty():
        return client.call(path, request)
    import signal

    signal.signal(signal.SIGALRM, lambda *_: diagnostics.say("Waiting for the recipients' mail servers …"))
    signal.alarm(1)
    try:
        return client.call(path, request)
    finally:
        signal.alarm(0)


def _sent(options: argparse.Namespace, draft: Draft, response: Response) -> int:
    message_id = response.note or f"<{draft.message_id}>"
    if not options.json:
        diagnostics.good("Email sent.")
        diagnostics.say(f"Message-ID: {message_id}")
    try:
        if options.json:
            return _print_json({"message_id": message_id, "status": "delivered", **_letter_of(draft)})
        output.write(message_id)
    except Failed as error:  # a script that sees a failure would send it again
        diagnostics.say(f"{message_id} was sent, but {told(error)}")
    return Exit.OK


def _shown(options: argparse.Namespace, draft: Draft, response: Response) -> int:
    if response.kind != "json":
        return _failed(options, "PROTOCOL", f"this daemon knows no --dry-run and has sent {response.note}")
    if options.json:
        message = response.body.decode(errors="replace")
        own = {"message_id": _message_id(options, draft, message), "status": "dry-run", **_letter_of(draft)}
        return _print_json({**own, "message": message})
    diagnostics.say("Nothing was sent. This is the message, without the signature that is put on top:")
    output.write_octets(response.body)
    return Exit.OK


def _message_id(options: argparse.Namespace, draft: Draft, message: str) -> str:
    """Under a key it is the daemon's."""
    if options.idempotency_key is None:
        return f"<{draft.message_id}>"
    field = next(line for line in message.split("\r\n") if line.lower().startswith("message-id:"))
    return field.partition(":")[2].strip()


def _letter_of(draft: Draft) -> dict[str, object]:
    everybody = (*draft.to, *draft.cc, *draft.bcc)
    recipients = list(dict.fromkeys(str(named.address) for named in everybody))
    return {"from": str(draft.from_.address), "subject": draft.subject, "recipients": recipients}


def _refused(options: argparse.Namespace, draft: Draft, response: Response) -> int:
    """The daemon's own words; what a stranger's mailbox is called is said by the caller's own."""
    if response.code == "EACCES":
        return _failed(options, response.code, f"not authorized: {draft.from_.address}")
    if options.json:
        return _failed(options, response.code, response.reason)
    diagnostics.error(response.reason, response.code)
    from aimx.policy import verdict

    if response.reason.startswith(verdict.UNKNOWN):
        diagnostics.say(UNKNOWN)
    elif response.code == _RETRYABLE:
        diagnostics.say("nothing was delivered; trying again later may work")
    return Exit.FAILED


def _failed(options: argparse.Namespace, code: str, text: str, exit_code: Exit = Exit.FAILED) -> int:
    if options.json:
        import json

        error = {"code": code, "message": text, "retryable": code == _RETRYABLE}
        diagnostics.say(json.dumps({"error": error}, ensure_ascii=False))
    else:
        diagnostics.error(text)
    return exit_code


def _print_json(value: dict[str, object]) -> int:
    import json

    output.write(json.dumps(value, ensure_ascii=False))
    return Exit.OK
