"""Questions about the daemon itself."""

import msgspec

from aimx.effects.api import Effects
from aimx.effects.build import build
from aimx.model.config import Config
from aimx.policy.authorize import Authorized
from aimx.wire.frames import Response, Version


async def version(_fx: Effects, _config: Config, _frame: Version, _authorized: Authorized) -> Response:
    """Build metadata of the running daemon."""
    return Response("json", body=msgspec.json.encode(build()._asdict()))
