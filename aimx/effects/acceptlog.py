"""What a listener says when it cannot accept, because descriptors or memory are short: one line a minute."""

import logging

import trio

from aimx import limits, log


class AcceptLog(logging.Handler):
    """trio's report that accept failed, ten tracebacks a second while it lasts, as one line a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._logger = logging.getLogger("trio.serve_listeners")
        self._said_at = -limits.LOG_REPEAT_S

    def __enter__(self) -> None:
        self._logger.addHandler(self)
        self._logger.propagate = False

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging."""
        now = trio.current_time()
        if now - self._said_at >= limits.LOG_REPEAT_S:
            self._said_at = now
            log.error("accept-failed", why=record.getMessage())
