"""Who a hook is: identity, place, environment, descriptors, for three owners."""

import re

import pytest

from tests.harness import DOMAIN, mail
from tests.systemd.host import HOMES, OWNERS

SUBJECT = "A \"subject\" with \\, $HOME, %h, ${AIMX_ID}, `id`, $(id), 'quotes' and = signs;#"
MAIL = mail(SUBJECT, From='"Sen Der" <a@sender.test>', **{"Message-ID": "<one@sender.test>"})


@pytest.fixture(scope="module")
def probed(host):
    return {owner: host.probe(owner, octets=MAIL) for owner in OWNERS}


@pytest.fixture(scope="module", params=OWNERS)
def owner(request):
    return request.param


def ids(host, owner):
    """uid, primary gid, all gids, as the machine's `id` says."""

    def say(*options):
        return sorted(int(word) for word in host.machine.run("id", *options, owner).split())

    return say("-u")[0], say("-g")[0], say("-G")


def test_it_is_the_owner_in_every_respect(host, probed, owner):
    """Bob's primary group is not called bob."""
    uid, gid, gids = ids(host, owner)
    assert probed[owner]["uids"] == [uid] * 3
    assert probed[owner]["gids"] == [gid] * 3
    assert set(probed[owner]["groups"]) | {gid} == set(gids)
    assert probed[owner]["status"]["Uid"].split() == [str(uid)] * 4
    assert probed[owner]["status"]["Gid"].split() == [str(gid)] * 4


def test_nothing_of_root_is_left_to_others(probed):
    for name in ("alice", "bob"):
        for capabilities in ("CapPrm", "CapEff", "CapAmb", "CapInh"):
            assert int(probed[name]["status"][capabilities], 16) == 0, capabilities
        assert probed[name]["sethostname"] == "EPERM"


def test_it_starts_in_the_mailbox(probed, owner):
    assert probed[owner]["cwd"] == f"/var/lib/aimx/inbox/{owner}"
    assert probed[owner]["umask"] == 0o22


def test_its_environment_is_the_documented_one(probed, owner):
    """Exactly these variables, with every octet of the values that the mail brought."""
    environment = dict(probed[owner]["environment"])
    assert re.fullmatch("[0-9a-f]{32}", environment.pop("AIMX_JOB"))
    email_id = probed[owner].run["email_id"]
    assert environment.pop("AIMX_DATE")
    assert environment == {
        "AIMX_HOOK_NAME": probed[owner].hook,
        "AIMX_EVENT": "on_receive",
        "AIMX_MAILBOX": owner,
        "AIMX_ID": email_id,
        "AIMX_FILEPATH": f"/var/lib/aimx/inbox/{owner}/{email_id}.md",
        "AIMX_FROM": "Sen Der <a@sender.test>",
        "AIMX_TO": f"ops@{DOMAIN}",
        "AIMX_SUBJECT": SUBJECT,
        "AIMX_MESSAGE_ID": "one@sender.test",
        "HOME": HOMES[owner],
        "USER": owner,
        "LOGNAME": owner,
        "SHELL": "/bin/sh" if owner == "bob" else "/bin/bash",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    assert probed[owner]["twice"] == 0


def test_it_reads_the_message_on_stdin(host, probed, owner):
    file = host.machine.file(probed[owner]["environment"]["AIMX_FILEPATH"])
    assert probed[owner]["stdin"] == file.read_text()
    assert file.read_text().startswith("+++\n")


def test_it_has_three_descriptors_and_a_session(probed, owner):
    assert sorted(probed[owner]["descriptors"]) == ["0", "1", "2"]
    assert probed[owner]["leads_session"]


def test_its_signals_are_the_default_ones(probed, owner):
    """But SIGPIPE (13): see test_restart. Python itself ignores SIGXFSZ (25)."""
    assert int(probed[owner]["status"]["SigBlk"], 16) == 0
    assert int(probed[owner]["status"]["SigIgn"], 16) & ~(1 << 12 | 1 << 24) == 0


def test_it_dumps_no_core(probed, owner):
    assert probed[owner]["limits"]["Max core file size"][:2] == ["0", "0"]
