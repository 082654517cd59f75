"""delivery.md says what delivery does: its limits, its outcomes."""

from typing import get_args

from aimx import limits
from aimx.model.outbound import Result
from tests.docs import pages
from tests.docs.pages import ROOT

PAGE = ROOT / "book" / "delivery.md"


def test_the_table_of_limits_is_true():
    assert {row[0]: row[1] for row in pages.rows(PAGE, "## Limits")} == {
        "a message and all servers of its recipients, until it has left": f"{limits.MX_TOTAL_S:.0f} seconds",
        "then, the answer to its end": f"{limits.MX_FINAL_S:.0f} seconds",
        "connecting to one address": f"{limits.MX_CONNECT_S:.0f} seconds",
        "the greeting": f"{limits.MX_BANNER_S:.0f} seconds",
        "the answer to a command": f"{limits.MX_COMMAND_S:.0f} seconds",
        "the answer to STARTTLS, and the handshake": f"{limits.MX_TLS_S:.0f} seconds",
        "between two pieces of the message that the server takes": f"{limits.MX_BLOCK_S:.0f} seconds",
        "hosts of one domain": f"{limits.MX_HOSTS}",
        "addresses of one host": f"{limits.MX_ADDRESSES}",
        "domains of one message at once": f"{limits.MX_DOMAINS}",
        "connections at once": f"{limits.MX_CONNECTIONS}",
        "connections at once for one sender": f"{limits.MX_CONNECTIONS_PER_SENDER}",
        "connections at once to one domain": f"{limits.MX_CONNECTIONS_PER_DESTINATION}",
        "a reply": (
            f"{limits.MX_REPLY_LINES} lines of {limits.MX_REPLY_LINE_OCTETS} octets,"
            f" {limits.MX_REPLY_OCTETS // limits.KIB} KiB"
        ),
        "what is kept of a reply": f"{limits.MX_TEXT_CHARACTERS} characters",
    }
    before = limits.FRAME_S + limits.OUTBOUND_WAIT_S + limits.COMPOSE_ATTEMPTS * limits.EXAMINE_S
    all_of_it = before + limits.MX_TOTAL_S + limits.MX_FINAL_S
    assert all_of_it < limits.CLIENT_REPLY_S, "the client waits for all of it"


def test_every_outcome_is_explained():
    assert {row[0].strip("`") for row in pages.rows(PAGE, "## Outcomes")} == set(get_args(Result))
