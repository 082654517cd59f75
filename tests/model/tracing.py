"""Effects that write down which of them were called: what a caller could tell by time is in this list."""

from typing import Any

import msgspec

from aimx.effects.api import Desk, Effects

Trace = list[tuple[str, str]]


class Recorder:
    """Stands before one effect and passes everything on."""

    def __init__(self, name: str, effect: Any, trace: Trace) -> None:
        self._name, self._effect, self._trace = name, effect, trace

    def __getattr__(self, name: str) -> Any:
        self._trace.append((self._name, name))
        return getattr(self._effect, name)


def traced(fx: Effects, trace: Trace) -> Effects:
    """The same effects, recorded."""
    assert fx.desk is not None
    desk = {name: Recorder(f"desk.{name}", getattr(fx.desk, name), trace) for name in Desk.__struct_fields__}
    plain = ("workers", "resolver", "store", "executor", "accounts", "events", "sending")
    recorders = {name: Recorder(name, getattr(fx, name), trace) for name in plain}

    def now() -> float:
        trace.append(("now", ""))
        return fx.now()

    return msgspec.structs.replace(fx, now=now, desk=Desk(**desk), **recorders)
