"""The event bus: every event goes to whoever listens, with the sequence number of the event log."""

from collections.abc import Callable

from aimx.model.event import Event

Listener = Callable[[int | None, Event], None]


class Bus:
    """Calls listeners in order; a listener must not block and must not raise."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Add a listener; the result removes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, seq: int | None, event: Event) -> None:
        """Tell everybody. `seq` is None for events that are not in the log."""
        for listener in tuple(self._listeners):
            listener(seq, event)
