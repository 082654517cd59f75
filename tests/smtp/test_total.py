"""Any octets from a server, cut anywhere, at any stage: every recipient has an outcome, no connection stays open."""

from hypothesis import given
from hypothesis import strategies as st

from aimx import limits
from tests.smtp.stage import STAGES, Script, World

OCTETS = st.binary(max_size=60) | st.lists(
    st.sampled_from(
        [b"250 ok\r\n", b"250-", b"354 ", b"421 x\r\n", b"550-5.1.1 a\n", b"\r\n", b"\x00", b"\xff", b"220"]
    )
).map(b"".join)


@given(st.dictionaries(st.sampled_from([*STAGES, "helo"]), OCTETS, min_size=1), st.booleans(), st.integers(1, 3))
def test_whatever_a_server_says_there_is_an_outcome(says, pipelining, rcpts):
    script = Script(*(["PIPELINING"] if pipelining else []), **says)
    world = World(script)
    outcomes = world.deliver(*(f"r{n}@x.test" for n in range(rcpts)))
    assert len(outcomes) == rcpts
    assert all(outcome.reply and outcome.reply.isprintable() for outcome in outcomes)
    assert script.open == 0
    assert world.seconds <= limits.MX_TOTAL_S + limits.MX_FINAL_S
    whole = [octets for octets in script.messages if octets != b".\r\n"]
    assert whole or not any(outcome.result in ("delivered", "unknown") for outcome in outcomes)
