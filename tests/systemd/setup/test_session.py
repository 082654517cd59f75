"""From a bare host to mail both ways, and all that follows: one long story, as one operator lives through it."""

import pytest

from tests.systemd.setup.bare import shown
from tests.systemd.setup.places import BOB, DOMAIN, MX, OTHER_DOMAIN, PEER
from tests.systemd.setup.world import until

HI = f"hi@{DOMAIN}"
FILES = """
700 aimx-catchall:aimx-catchall /var/lib/aimx/inbox/catchall
640 root:root /etc/aimx/config.toml
600 root:root /etc/aimx/dkim/private.key
600 root:root /etc/ssl/aimx/key.pem
1733 root:root /var/log/aimx
644 root:root /etc/systemd/system/aimx.service
"""


@pytest.fixture(scope="module")
def set_up(bare):
    """The host, set up by somebody who gets the DNS wrong first."""
    bare.wipe()
    run = bare.setup()
    run.expect("Enter the domain")
    assert "[OK]" in run.said
    run.answer(DOMAIN, "y", "y")
    said = run.expect("Press Enter to verify")
    rows = shown(said)
    wrong = [row for row in rows if row[0] != "TXT"] + [("TXT", DOMAIN, f"v=spf1 ip4:{MX} -all")]
    bare.world.names_now(wrong)
    run.answer("")
    said = run.expect("Press Enter to verify")
    assert "Some DNS records are not yet correct." in said
    assert not bare.active(), "nothing is installed before step 5"
    bare.world.names_now(rows)
    run.answer("")
    run.expect("All DNS records verified.")
    run.answer(f"{BOB}, *@example.org", "y", "y")
    assert run.end() == 0, run.said
    assert "AIMX has been set up successfully." in run.said
    bare.rows = rows
    return bare


def newest(host):
    """What Alice got last."""
    return host.emails("hi", user="alice")[0]["subject"]


def test_the_host_is_as_the_guide_says(set_up):
    for line in FILES.strip().splitlines():
        assert line in set_up.state(line.split()[-1])
    assert set_up.active()
    assert set_up.machine.run("systemctl", "is-enabled", "aimx") == "enabled"
    assert "nologin" in set_up.machine.run("getent", "passwd", "aimx-catchall")


def test_doctor_has_no_complaint(set_up):
    set_up.aimx("doctor")
    assert "[FAIL]" not in set_up.aimx("portcheck", "--verify-host", f"http://verify.{PEER}:3025")


def test_mail_goes_both_ways_and_both_sides_believe_it(set_up):
    set_up.aimx("mailboxes", "create", "hi", user="alice")
    set_up.mail_in(HI, "first")
    (mail,) = set_up.emails("hi", user="alice")
    text = set_up.aimx("emails", "read", "hi", mail["id"], user="alice")
    for line in ('dkim = "pass"', 'spf = "pass"', 'dmarc = "pass"', 'trusted = "true"'):
        assert line in text
    results = set_up.mail_out(HI, "answer")
    for word in ("dkim=pass", "spf=pass", "dmarc=pass"):
        assert word in results, results


def test_mail_for_nobody_is_the_catchall_s(set_up):
    set_up.mail_in(f"whoever@{DOMAIN}", "lost")
    assert [mail["subject"] for mail in set_up.emails("catchall")] == ["lost"]


def test_a_reload_takes_the_edited_configuration(set_up):
    pid = set_up.machine.run("systemctl", "show", "-P", "MainPID", "aimx")
    set_up.machine.run("sh", "-c", 'echo "[mailboxes.new]" >>/etc/aimx/config.toml')
    set_up.machine.run(
        "sh", "-c", f'printf "address = \\"new@{DOMAIN}\\"\\nowner = \\"alice\\"\\n" >>/etc/aimx/config.toml'
    )
    set_up.machine.run("systemctl", "reload", "aimx")
    until(lambda: "new" in set_up.aimx("mailboxes", "list", user="alice"), "the mailbox is known")
    assert set_up.machine.run("systemctl", "show", "-P", "MainPID", "aimx") == pid


def test_it_is_there_after_a_reboot(set_up):
    set_up.machine.reboot()
    set_up.world.wire()
    until(set_up.serves, "mail is taken")
    set_up.mail_in(HI, "second")
    assert newest(set_up) == "second"


def test_a_second_run_finds_all_done(set_up):
    before = set_up.machine.run("cat", "/etc/aimx/config.toml", "/etc/systemd/system/aimx.service")
    run = set_up.setup()
    run.expect(f"[{DOMAIN}]")
    run.answer("")
    run.expect("Press Enter to verify")
    run.answer("")
    run.expect("All DNS records verified.")
    assert run.end() == 0, run.said
    for reason in ("TLS certificate already exists", "existing trust policy preserved", "aimx already installed"):
        assert reason in run.said
    assert set_up.machine.run("cat", "/etc/aimx/config.toml", "/etc/systemd/system/aimx.service") == before


def test_another_domain(set_up):
    run = set_up.setup(OTHER_DOMAIN)
    run.expect(f"Change it to {OTHER_DOMAIN}?")
    run.answer("yes")
    rows = shown(run.expect("Press Enter to verify"), OTHER_DOMAIN)
    set_up.world.names_now([*set_up.rows, *rows])
    run.answer("")
    run.expect("All DNS records verified.")
    assert run.end() == 0, run.said
    set_up.mail_in(f"hi@{OTHER_DOMAIN}", "third")
    assert [mail["subject"] for mail in set_up.emails("hi", user="alice")][:2] == ["third", "second"]
    assert "dkim=pass" in set_up.mail_out(f"hi@{OTHER_DOMAIN}", "from elsewhere")


def test_uninstalled_and_installed_again(set_up):
    config = set_up.machine.run("cat", "/etc/aimx/config.toml")
    said = set_up.aimx("uninstall", "--yes")
    assert "pip uninstall aimx" in said
    assert not set_up.active()
    assert not set_up.serves()
    assert (
        set_up.state("/etc/systemd/system/aimx.service", "/etc/systemd/system/multi-user.target.wants/aimx.service")
        == ""
    )
    assert "Nothing was left to uninstall." in set_up.aimx("uninstall", "--yes")
    assert set_up.machine.run("cat", "/etc/aimx/config.toml") == config
    assert set_up.unattended().endswith("exit 0")
    assert set_up.machine.run("cat", "/etc/aimx/config.toml") == config
    set_up.mail_in(f"hi@{OTHER_DOMAIN}", "fourth")
    assert newest(set_up) == "fourth"
