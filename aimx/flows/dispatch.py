"""The one table of verbs: what authorizes each, and which flow it runs."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aimx.effects.api import Effects
from aimx.errors import AimxError, disposition, told
from aimx.flows import ingest, query
from aimx.model.caller import Caller
from aimx.model.config import Config
from aimx.policy import authorize
from aimx.policy.authorize import Action, Anyone, Authorized, System
from aimx.wire import frames
from aimx.wire.frames import Request, Response

Run = Callable[[Effects, Config, Any, Authorized], Awaitable[Response]]


class Verb(NamedTuple):
    """One row."""

    action: Callable[[Any, Config], Action]
    run: Run


VERBS: dict[type[Request], Verb] = {
    frames.Version: Verb(lambda _frame, _config: Anyone(), query.version),
    frames.Ingest: Verb(lambda _frame, _config: System(), ingest.by_request),
}


async def dispatch(fx: Effects, config: Config, request: Request, caller: Caller) -> Response:
    """Authorize and run one request. Every AimxError becomes its row's error frame."""
    verb = VERBS[type(request)]
    try:
        authorized = authorize.authorize(caller, verb.action(request, config))
        return await verb.run(fx, config, request, authorized)
    except AimxError as error:
        return refusal(error)


def refusal(error: BaseException) -> Response:
    """The error frame for an error."""
    return Response("error", code=disposition(error).code, reason=told(error))
