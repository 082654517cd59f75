"""The one table of verbs: what authorizes each, and which flow it runs."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aimx.effects.api import Effects
from aimx.errors import AimxError, UnknownVerb
from aimx.flows import ingest, query, send
from aimx.flows.answer import Answer, refusal
from aimx.model.caller import Caller
from aimx.model.config import Config
from aimx.policy import authorize
from aimx.policy.authorize import Action, Anyone, Authorized, System
from aimx.wire import frames
from aimx.wire.frames import Request, Response

Ask = Callable[[Effects, Config, Any], Awaitable[Action]]
Run = Callable[[Effects, Config, Any, Authorized], Awaitable[Response | Answer]]


class Verb(NamedTuple):
    """One row. `action`: what the caller has to be allowed to do; the flow gets it as it was authorized."""

    action: Ask
    run: Run


async def _anyone(_fx: Effects, _config: Config, _frame: Any) -> Action:
    return Anyone()


async def _system(_fx: Effects, _config: Config, _frame: Any) -> Action:
    return System()


VERBS: dict[type[Request], Verb] = {
    frames.Version: Verb(_anyone, query.version),
    frames.Ingest: Verb(_system, ingest.by_request),
    frames.Send: Verb(send.action, send.send),
}


async def dispatch(fx: Effects, config: Config, request: Request, caller: Caller) -> Answer:
    """Authorize and run one request. Every AimxError becomes its row's error frame."""
    try:
        verb = VERBS.get(type(request))
        if verb is None:
            raise UnknownVerb(f"unknown verb '{frames.BY_FRAME[type(request)].verb}'")
        authorized = authorize.authorize(caller, await verb.action(fx, config, request))
        answer = await verb.run(fx, config, request, authorized)
    except AimxError as error:
        return Answer(refusal(error))
    return answer if isinstance(answer, Answer) else Answer(answer)
