"""book/errors.md: exit codes and codes of the socket, made from the one table of errors."""

from aimx import errors
from aimx.cli import manual
from aimx.errors import DISPOSITIONS, AimxError, Exit, WireCode
from tests.docs.generated.markup import cell, code, document, sentence, table

HEAD = """\
# Errors and exit codes

Made from the program's one table of errors. An error has a code, which programs look at, and a sentence for people;
the command that shows it ends with an exit code. What somebody may not know is not in the sentence: a mailbox that is
somebody else's and one that does not exist get the same answer.
"""


def page() -> str:
    """The whole page."""
    return document(HEAD, _exits(), _codes(), _errors())


def _exits() -> list[str]:
    rows = [[str(int(code)), f"`{code.name}`", cell(manual._EXITS[code])] for code in Exit]
    return ["## Exit codes", "", *table(["code", "name", "meaning"], rows)]


def _codes() -> list[str]:
    """Which errors a code stands for, and the exit codes of commands that get it."""
    rows = []
    for wire in WireCode:
        exits = sorted({int(row.exit) for row in DISPOSITIONS.values() if row.code is wire})
        names = [f"`{cls.__name__}`" for cls, row in DISPOSITIONS.items() if row.code is wire]
        rows.append([f"`{wire}`", " or ".join(map(str, exits)) or "1", ", ".join(names) or "of old clients only"])
    head = ["code", "exit code", "errors"]
    return ["## Codes of the socket", "", "What they mean to a client: [the socket](socket.md#an-answer).", "",
            *table(head, rows)]  # fmt: skip


def _errors() -> list[str]:
    rows = []
    for cls in _tree(AimxError):
        if cls in (AimxError, errors.DaemonRefused):
            continue
        row = errors.disposition(cls("") if cls is not errors.DaemonRefused else AimxError())
        rows.append(
            [
                f"`{cls.__name__}`",
                cell(sentence(cls.__doc__)),
                f"`{row.code}`",
                str(int(row.exit)),
                code(row.reply.line),
            ]
        )
    head = ["error", "meaning", "code", "exit", "to an SMTP peer"]
    intro = "Where mail is received, the same table decides the reply; a peer is told that line and nothing else."
    return ["## Every error", "", intro, "", *table(head, rows)]


def _tree(cls: type[AimxError]) -> list[type[AimxError]]:
    return [cls, *(found for sub in cls.__subclasses__() if sub.__module__ == errors.__name__ for found in _tree(sub))]
