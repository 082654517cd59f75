"""The other executor on the same host: it says so, and a hook finds the same environment."""

import pytest

FORCE = "AIMX_SANDBOX_FORCE_FALLBACK"
OF_A_RUN = ("AIMX_JOB", "AIMX_HOOK_NAME", "AIMX_ID", "AIMX_FILEPATH", "AIMX_DATE")


@pytest.fixture(scope="module")
def both(host):
    confined = host.probe("bob")
    host.restart(**{FORCE: "1"})
    try:
        yield confined, host.probe("bob")
    finally:
        host.restart()


def test_each_says_which_it_is(host, both):
    confined, forked = (host.line_of(probed.hook) for probed in both)
    assert "sandbox=systemd-run" in confined
    assert "sandbox=fallback" in forked


@pytest.mark.parametrize(
    "what", ["uids", "gids", "groups", "cwd", "umask", "leads_session", "descriptors"]
)  # fmt: skip
def test_a_hook_is_the_same_in_both(both, what):
    confined, forked = both
    if what == "descriptors":
        assert set(confined[what]) == set(forked[what])
    else:
        assert confined[what] == forked[what]


def test_its_environment_is_the_same_in_both(both):
    confined, forked = ({k: v for k, v in probed["environment"].items() if k not in OF_A_RUN} for probed in both)
    assert confined == forked
    assert set(both[0]["environment"]) == set(both[1]["environment"])
