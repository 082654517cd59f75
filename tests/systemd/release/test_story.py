"""From nothing to a mail server, to another release and back, and away: one long story under mail that keeps coming."""

import pytest

from tests.systemd.release.bundles import BROKEN, FIRST, NEWER
from tests.systemd.release.owned import PROGRAM
from tests.systemd.setup.places import DOMAIN
from tests.systemd.setup.world import until

HI = f"hi@{DOMAIN}"


@pytest.fixture(scope="module")
def installed(owned):
    """By the one line of the guide."""
    said = owned.one_liner()
    assert said.endswith("exit 0"), said
    owned.said = said
    return owned


def untouched(owned, told):
    """No mail was refused for good, none that was taken is missing, none is there twice."""
    assert told["refused"] == []
    stored = owned.numbers()
    assert len(told["taken"]) > 20
    assert set(told["taken"]) <= set(stored), sorted(set(told["taken"]) - set(stored))
    assert len(stored) == len(set(stored))


def test_the_one_liner_makes_a_mail_server_of_a_bare_machine(installed):
    assert installed.version() == FIRST
    assert installed.bare.active()
    unit = installed.shell("systemctl cat aimx")
    assert f"ExecStart={PROGRAM} " in unit
    installed.shell(f"runuser -u alice -- {PROGRAM} mailboxes create hi")
    installed.bare.mail_in(HI, "first")
    assert "first" in installed.shell(f"runuser -u alice -- {PROGRAM} emails list hi")


def test_the_same_again_changes_nothing(installed):
    before = installed.shell(f"stat -c '%i %Y' {PROGRAM} /etc/aimx/config.toml")
    said = installed.one_liner()
    assert said.endswith("exit 0"), said
    assert installed.shell(f"stat -c '%i %Y' {PROGRAM} /etc/aimx/config.toml") == before


def test_a_dry_run_shows_and_changes_nothing(installed):
    installed.latest(NEWER)
    said = installed.shell(f"{PROGRAM} upgrade --dry-run")
    assert NEWER in said and FIRST in said
    assert installed.version() == FIRST


def test_an_upgrade_under_load_loses_no_mail(installed):
    installed.latest(NEWER)
    config = installed.shell("sha256sum /etc/aimx/config.toml")
    with installed.mail_keeps_coming() as told:
        said = installed.shell(f"{PROGRAM} upgrade 2>&1")
    assert f"{FIRST} → {NEWER}. Service restarted." in said
    assert (installed.version(), installed.serving()) == (NEWER, NEWER)
    assert installed.shell(f"{PROGRAM}.prev --version").split()[5] == FIRST
    assert installed.shell("sha256sum /etc/aimx/config.toml") == config
    untouched(installed, told)


def test_up_to_date_is_said(installed):
    assert f"aimx {NEWER} is up to date." in installed.shell(f"{PROGRAM} upgrade")


def test_a_release_that_does_not_start_is_taken_back_under_load(installed):
    installed.latest(BROKEN)
    with installed.mail_keeps_coming() as told:
        said = installed.shell(f'{PROGRAM} upgrade 2>&1; echo "exit $?"')
    assert said.endswith("exit 1")
    assert f"rolled back to {NEWER}; check logs with 'aimx logs'" in said
    assert (installed.version(), installed.serving()) == (NEWER, NEWER)
    assert installed.shell(f"{PROGRAM}.prev --version").split()[5] == FIRST
    untouched(installed, told)


def test_the_installer_takes_the_same_release_back(installed):
    with installed.mail_keeps_coming() as told:
        said = installed.one_liner()
    assert not said.endswith("exit 0")
    assert (installed.version(), installed.serving()) == (NEWER, NEWER)
    untouched(installed, told)


def test_the_manual_rollback_of_the_guide(installed):
    installed.shell(f"systemctl stop aimx && mv {PROGRAM}.prev {PROGRAM} && systemctl start aimx")
    assert installed.version() == FIRST
    until(installed.bare.serves, "mail is taken")
    installed.bare.mail_in(HI, "rolled back")
    assert installed.serving() == FIRST


_KILLS = """\
#!/bin/sh
rm /srv/kill-now 2>/dev/null && kill -9 "$(cat /run/aimx-upgrade.lock)"
exit 0
"""


def test_killed_between_stop_and_start_the_service_does_not_stay_stopped(installed):
    """By what systemd runs when the daemon has stopped; nobody comes to upgrade again."""
    installed.latest(NEWER)
    installed.machine.write("/srv/kills", _KILLS.encode())
    drop_in = "/etc/systemd/system/aimx.service.d/kills.conf"
    installed.shell(f"chmod +x /srv/kills; mkdir -p {drop_in.rpartition('/')[0]}; touch /srv/kill-now")
    installed.machine.write(drop_in, b"[Service]\nExecStopPost=+/srv/kills\n")
    installed.shell("systemctl daemon-reload")
    with installed.mail_keeps_coming() as told:
        said = installed.shell(f'{PROGRAM} upgrade 2>&1; echo "exit $?"')
        assert said.endswith("exit 137"), said
        guards = (
            "systemctl list-units --plain --no-legend 'aimx-upgrade-guard-*'; ls -A /usr/local/bin | grep upgrade; true"
        )
        until(lambda: installed.shell(guards).strip() == "", "the guard is done")
    installed.shell(f"rm -r {drop_in.rpartition('/')[0]} /srv/kills; systemctl daemon-reload")
    assert (installed.version(), installed.serving()) == (FIRST, FIRST)
    assert "was interrupted" in installed.shell("journalctl --no-pager -u 'aimx-upgrade-guard-*'")
    untouched(installed, told)


def test_the_installer_upgrades_too(installed):
    installed.latest(NEWER)
    with installed.mail_keeps_coming() as told:
        said = installed.one_liner()
    assert said.endswith("exit 0"), said
    assert (installed.version(), installed.serving()) == (NEWER, NEWER)
    untouched(installed, told)


def test_an_older_one_has_to_be_named(installed):
    installed.latest(FIRST)
    said = installed.shell(f'{PROGRAM} upgrade 2>&1; echo "exit $?"')
    assert said.endswith("exit 1") and "--version" in said
    assert installed.version() == NEWER
    installed.shell(f"{PROGRAM} upgrade --version {FIRST}")
    assert (installed.version(), installed.serving()) == (FIRST, FIRST)


def test_after_a_reboot_it_serves(installed):
    installed.machine.reboot()
    installed.bare.world.wire()
    installed.serve()
    until(installed.bare.serves, "mail is taken")
    installed.bare.mail_in(HI, "after the reboot")
    assert "after the reboot" in installed.shell(f"runuser -u alice -- {PROGRAM} emails list hi")


def test_uninstalled_and_installed_again(installed):
    before = sorted(installed.numbers())
    installed.shell(f"{PROGRAM} uninstall --yes")
    assert installed.shell(f"ls {PROGRAM} {PROGRAM}.prev /usr/local/lib/aimx 2>/dev/null; true") == ""
    assert not installed.bare.serves()
    said = installed.one_liner()
    assert said.endswith("exit 0"), said
    assert sorted(installed.numbers()) == before
    installed.bare.mail_in(HI, "as before")
    assert "as before" in installed.shell(f"runuser -u alice -- {PROGRAM} emails list hi")
