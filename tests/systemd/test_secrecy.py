"""Nothing of a mail's headers is where others can read it: while a hook runs, and afterwards."""

import pytest

from tests.harness import mail

SECRETS = ("zebrafinch", "quokka", "wombatini", "numbat")  # of subject (and so of the id), sender, name, Message-ID
MAIL = mail(
    "Zebrafinch plans", body="Body of the mail: pangolin.\r\n", From='"Wombatini" <quokka@sender.test>',
    **{"Message-ID": "<numbat-1@sender.test>"},
)  # fmt: skip
WAIT = 'echo on >~/secret-on; until [ -e ~/secret-go ]; do sleep 0.1; done; echo "$AIMX_SUBJECT" >~/secret-subject'

# Everything that an ordinary user can ask for, by whoever looks.
COMMAND_LINES = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/comm 2>/dev/null | tr '\\0' ' '"
UNITS = """
systemctl show '*' --no-pager
for unit in $(systemctl list-units --all --plain --no-legend --full 'aimx*' | cut -d' ' -f1); do
    systemctl show "$unit" --all --no-pager
    systemctl cat "$unit" --no-pager
    systemctl status "$unit" --no-pager --full --lines=0
    systemctl list-units --all --full --no-pager "$unit"
done
busctl tree org.freedesktop.systemd1 --no-pager
"""
FILES = """
find /run /tmp /var/tmp /dev/shm /proc/[0-9]* -xdev -type f -readable 2>/dev/null |
    grep -v -e '^/proc/[0-9]*/task/' -e '/kmsg' -e '/pagemap' -e '/mem$' | while read -r file; do
        timeout 2 head -c 1000000 "$file" 2>/dev/null
    done | tr '\\0' '\\n'
find /run /tmp /var/tmp /dev/shm 2>/dev/null
ls -l /proc/[0-9]*/fd /proc/[0-9]*/cwd 2>/dev/null
"""


def found(text):
    return [line[:300] for line in text.splitlines() if any(secret in line.lower() for secret in SECRETS)]


@pytest.fixture(scope="module")
def running(host):
    """A hook that has the mail, and waits."""
    with host.hook("alice", "/bin/sh", "-c", WAIT, timeout_s=300) as name:
        host.send("alice", MAIL)
        host.until(host.machine.file("/home/alice/secret-on").exists, "it runs")
        yield name
        host.machine.write("/home/alice/secret-go", "")
        host.run_of(name)
        assert host.machine.file("/home/alice/secret-subject").read_text() == "Zebrafinch plans\n"


@pytest.fixture(scope="module")
def ended(host):
    """One that had it."""
    return host.fire("bob", "/bin/sh", "-c", ': "$AIMX_SUBJECT"', octets=MAIL)[0]


@pytest.mark.parametrize("who", ["carol", "bob", None], ids=["a stranger", "another owner", "root"])
@pytest.mark.parametrize("look", [COMMAND_LINES, UNITS], ids=["command lines", "units"])
@pytest.mark.parametrize("when", ["running", "ended"])
def test_nobody_sees_it(host, request, when, look, who):
    """Root neither: what is not there is found by no tool."""
    request.getfixturevalue(when)
    text = host.machine.run("sh", "-c", look, user=who)
    assert "aimx" in text
    assert found(text) == []


@pytest.mark.parametrize("when", ["running", "ended"])
def test_no_file_tells_others(host, request, when):
    """What can be read below /run, in the shared directories and in /proc by somebody else."""
    request.getfixturevalue(when)
    text = host.machine.run("sh", "-c", FILES, user="carol", check=False)
    assert "/run/aimx/aimx.sock" in text
    assert found(text) == []


@pytest.mark.usefixtures("running")
def test_its_owner_finds_it(host):
    """So whoever looks as above would find it too, if it were there."""
    text = host.machine.run(
        "sh", "-c", "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'", user="alice", check=False
    )
    assert {"AIMX_SUBJECT=Zebrafinch plans", "AIMX_MESSAGE_ID=numbat-1@sender.test"} <= set(found(text))


def test_the_journal_has_the_guide_s_line_and_no_header(host, ended):
    """The id, which holds words of the subject, is in the daemon's own lines alone."""
    everything = host.machine.journal("-o", "export")
    for field in everything.splitlines():
        name, _, text = field.partition("=")
        for secret in ("quokka", "wombatini", "numbat", "pangolin"):
            assert secret not in text.lower() or "event=accepted" in text or "sender=" in text, field
        if "zebrafinch" in text.lower():
            assert name == "MESSAGE", field
            assert "zebrafinch-plans" in text, field
    assert f"hook_name={ended} " in host.line_of(ended)


def test_nor_a_program_that_starts_beside_it(host):
    """Who looks at every process again and again, while forty hooks start, sees no header and no secret."""
    watch = (
        "import glob, sys, os\n"
        "seen = set()\n"
        "while not os.path.exists('/tmp/watched-enough'):\n"
        "    for path in glob.glob('/proc/[0-9]*/cmdline') + glob.glob('/proc/[0-9]*/environ'):\n"
        "        try:\n"
        "            seen.add(open(path, 'rb').read().replace(b'\\0', b' ').decode(errors='replace'))\n"
        "        except OSError:\n"
        "            pass\n"
        "print('\\n'.join(seen))\n"
    )
    looking = host.machine.start("python3", "-c", watch, user="carol")
    try:
        with host.hook("bob", "/bin/true") as name:
            host.send("bob", MAIL, times=40)
            host.until(lambda: len([run for run in host.runs(name) if run["ended"]]) == 40, "all ran")
    finally:
        host.machine.write("/tmp/watched-enough", "")
        text = looking.communicate(timeout=60)[0].decode()
    assert "systemd-run" in text
    assert found(text) == []
    assert "AIMX_JOB" not in text
