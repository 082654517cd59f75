"""The throw-away uid of a demo that root starts."""

import os

from aimx import limits
from aimx.demo import play


def test_a_process_that_ends_while_it_is_looked_at_is_no_error(monkeypatch):
    names = os.listdir("/proc")
    gone = str(2**22 + 1)  # above pid_max of every kernel
    monkeypatch.setattr(play.os, "listdir", lambda _: [*names, gone])
    assert play.throw_away_uid() in limits.DEMO_UIDS
