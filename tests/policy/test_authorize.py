"""The one predicate: by uid, root passes, and whoever is refused learns nothing else."""

import pytest

from aimx.errors import NotAuthorized, told
from aimx.flows import dispatch
from aimx.model.caller import Caller
from aimx.policy.authorize import Anyone, Mailbox, System, authorize
from aimx.wire import frames
from tests.root.test_authorization import CALLERS
from tests.root.test_authorization import TABLE as SHOWN

ALICE, ROOT = Caller(1000, 1000), Caller(0, 0)
DEVELOPER = Caller(1000, 1000, operator_uid=1000)
TABLE = {
    "anyone": (Anyone(), ALICE, True),
    "system": (System(), ALICE, False),
    "system-root": (System(), ROOT, True),
    "system-of-an-unprivileged-daemon": (System(), DEVELOPER, True),
    "own": (Mailbox(1000), ALICE, True),
    "foreign": (Mailbox(1001), ALICE, False),
    "root's": (Mailbox(0), ALICE, False),
    "missing": (Mailbox(None), ALICE, False),
    "foreign-root": (Mailbox(1001), ROOT, True),
    "missing-root": (Mailbox(None), ROOT, True),
}


@pytest.mark.parametrize(("action", "caller", "may"), TABLE.values(), ids=TABLE)
def test_who_may(action, caller, may):
    if may:
        assert authorize(caller, action).caller == caller
        return
    with pytest.raises(NotAuthorized) as caught:
        authorize(caller, action)
    assert told(caught.value) == "not authorized"


def test_root_s_bypass_is_marked():
    assert authorize(ROOT, Mailbox(1000)).root_bypass
    assert not authorize(ROOT, Anyone()).root_bypass
    assert not authorize(ALICE, Mailbox(1000)).root_bypass


def test_every_verb_is_served_and_shown_with_real_users():
    assert {type(request) for request, _ in SHOWN.values()} == set(dispatch.VERBS)
    assert all(len(answers) == len(CALLERS) for _, answers in SHOWN.values())
    assert set(dispatch.VERBS) == set(frames.BY_FRAME)


@pytest.mark.parametrize("caller", [ALICE, ROOT], ids=["alice", "root"])
@pytest.mark.parametrize("frame", frames.BY_FRAME, ids=lambda frame: frame.__name__)
def test_the_headers_are_enough_to_refuse_what_no_body_changes(frame, caller):
    if dispatch.VERBS[frame].action == System() and caller is ALICE:
        with pytest.raises(NotAuthorized):
            dispatch.admit(frame, caller)
    else:
        dispatch.admit(frame, caller)
