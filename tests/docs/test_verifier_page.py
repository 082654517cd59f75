"""The verifier's page and files against the program: variables, limits, what a proxy has to set."""

import configparser
import re

import yaml

from aimx import limits
from aimx.verifier import caller, settings
from tests.docs import pages
from tests.docs.pages import ROOT

_PAGE = ROOT / "book" / "verifier.md"
_FILES = ROOT / "install" / "verifier"


def test_the_table_of_variables_is_complete_and_has_the_defaults():
    shown = {row[0].strip("`"): row[1].strip("`") for row in pages.rows(_PAGE, "## Environment")}
    default = settings.Settings()
    assert shown == dict(zip(settings.VARIABLES, (
        str(default.web), str(default.smtp), str(default.smtp_concurrent), "the host's name",
        str(default.probe_concurrent), str(default.probes_per_minute), "none",
    ), strict=True))  # fmt: skip


def test_the_table_of_limits_is_true():
    assert {row[0]: row[1] for row in pages.rows(_PAGE, "## Limits")} == {
        "a request's head": f"{limits.VERIFIER_HEAD_OCTETS // limits.KIB} KiB, {limits.VERIFIER_HEADERS} fields,"
        f" {limits.VERIFIER_HEAD_S:.0f} s",
        "HTTP connections": f"{limits.VERIFIER_CONNECTIONS}, of one caller {limits.VERIFIER_CONNECTIONS_PER_CALLER}",
        "probes of one caller at once": f"{limits.VERIFIER_PROBES_PER_CALLER}",
        "an SMTP session": f"{limits.RESPONDER_SESSION_S:.0f} s, {limits.RESPONDER_LINES} lines of"
        f" {limits.RESPONDER_LINE_OCTETS} octets, {limits.RESPONDER_LINE_S:.0f} s each;"
        f" {limits.VERIFIER_SMTP_SESSIONS_PER_CALLER} of one caller",
        "an answer of the server that is probed": f"{limits.GREETING_REPLY_S:.0f} s for each reply; lines of"
        f" {limits.MX_REPLY_LINE_OCTETS // limits.KIB} KiB, {limits.MX_REPLY_LINES} lines",
    }
    assert f"within {limits.VERIFIER_PROBE_S:.0f} seconds" in _PAGE.read_text()


def test_the_unit_names_variables_that_there_are():
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    text = (_FILES / "aimx-verifier.service").read_text()
    unit.read_string(text)
    assert unit["Service"]["AmbientCapabilities"] == unit["Service"]["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE"
    assert set(re.findall(r"^Environment=(\w+)=", text, re.MULTILINE)) <= set(settings.VARIABLES)


def test_the_containers_have_no_root_and_the_hosts_network():
    service = yaml.safe_load((_FILES / "compose.yaml").read_text())["services"]["verifier"]
    assert service["network_mode"] == "host" and service["cap_drop"] == ["ALL"]
    assert set(service["environment"]) <= set(settings.VARIABLES)
    assert (ROOT / "install" / "verifier" / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    user = re.search(r"^USER (\d+):", (_FILES / "Dockerfile").read_text(), re.MULTILINE)
    assert user is not None and user[1] == service["user"].partition(":")[0] != "0"


def test_the_proxy_sets_the_header_that_is_believed():
    text = (_FILES / "Caddyfile").read_text()
    name = caller.HEADER.decode()
    assert re.search(rf"header_up {name} \{{remote_host\}}", text, re.IGNORECASE)
    assert str(settings.Settings().web) in text
    wait = re.search(r"response_header_timeout (\d+)s", text)
    assert wait is not None and int(wait[1]) > limits.VERIFIER_PROBE_S
