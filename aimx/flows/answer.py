"""What a verb's flow hands back: the answer, and what may only happen once the caller has it."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aimx.effects.api import Lines
from aimx.errors import disposition, told
from aimx.wire.frames import Response


class Answer(NamedTuple):
    """`afterwards` runs once, after the response was written or the caller turned out to be gone.

    `lines`: of a `stream`, written as they come; closed when it ends, or when the caller is gone or takes nothing.
    """

    response: Response
    afterwards: Callable[[], Awaitable[None]] | None = None
    lines: Lines | None = None


def refusal(error: BaseException) -> Response:
    """The error frame for an error."""
    return Response("error", code=disposition(error).code, reason=told(error))
