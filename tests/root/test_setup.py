"""`aimx setup` on machines in directories: by plain questions on a terminal, from a pipe, and with nobody there."""

import contextlib
import os
import socket
import time

import pytest

from aimx.cli import main
from aimx.config import load
from aimx.demo.zone import ZoneServer
from aimx.effects import keyfiles, lock
from aimx.mailauth.sign import SigningKey
from aimx.provision import nameservice
from aimx.provision.setup import certificate
from tests.root.setup_host import Machine, runs

pytestmark = pytest.mark.root
DOMAIN, OTHER = "agent.example.test", "other.example.test"
SENDERS = "You@Example.test, *@company.test"
SKIP = "--skip-preflight"
NOBODY = {"AIMX_NONINTERACTIVE": "1"}
# What is typed on a terminal, after which text.
ASK_DOMAIN = ("Enter the domain", f"{DOMAIN}\n")
ASK_RIGHT, ASK_ACCESS = ("Confirm? [Y/n]", "\n"), ("registrar. [Y/n]", "y\n")
ASK_DNS = ("Press q to skip", "q\n")
ASK_SENDERS = ("Leave it empty", f"{SENDERS}\n")
ASK_SENDERS_RIGHT = ("Confirm? [Y/n]", "y\n")
ASK_CATCHALL = ("Create the catchall mailbox? [Y/n]", "\n")
FIRST = [ASK_DOMAIN, ASK_RIGHT, ASK_ACCESS, ASK_DNS]


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    """Runs of setup; a real daemon is what is ready in the end."""
    with runs(tmp_path_factory.mktemp("daemon")) as found:
        yield found


@pytest.fixture(scope="module")
def installed(setup, tmp_path_factory):
    """A machine that was set up, undisturbed, with a catchall and trusted senders. To be copied."""
    machine = Machine(tmp_path_factory.mktemp("machine") / "m")
    done = setup.run(machine, DOMAIN, SKIP, "--yes", "--trusted-senders", SENDERS)
    assert done.code == 0, done
    return machine


@pytest.fixture
def copy(installed, tmp_path):
    """A machine that was set up, to be changed."""
    found = installed.copy(tmp_path / "m")
    assert found.picture() == installed.picture()
    found.forget()
    return found


# One table for both: words and typed lines come to the same machine.
CASES = {
    "everything": (
        ([DOMAIN, "--trusted-senders", SENDERS], NOBODY), [*FIRST, ASK_SENDERS, ASK_SENDERS_RIGHT, ASK_CATCHALL],
        ("verified", True),
    ),
    "nobody is trusted": (
        ([DOMAIN], NOBODY), [*FIRST, ("Leave it empty", "\n"), ("Leave hooks disabled? [Y/n]", "\n"), ASK_CATCHALL],
        ("none", True),
    ),
    "no catchall": (
        ([DOMAIN, "--no-catchall", "--trusted-senders", SENDERS], NOBODY),
        [*FIRST, ASK_SENDERS, ASK_SENDERS_RIGHT, ("Create the catchall", "n\n")],
        ("verified", False),
    ),
    "second thoughts": (
        ([DOMAIN, "--trusted-senders", SENDERS, "--yes"], {}),
        [
            ("Enter the domain", "nonsense\n"), ("Enter the domain", "a.test\n"), ("Confirm? [Y/n]", "no\n"),
            ASK_DOMAIN, ("Confirm? [Y/n]", "perhaps\n"), ASK_RIGHT, ASK_ACCESS,
            ("Press q to skip", "\n"), ("not yet correct", ""), ASK_DNS,
            ("Leave it empty", "you@@example\n"), ("invalid sender 'you@@example'", f"{SENDERS}\n"),
            ("Confirm? [Y/n]", "n\n"), ASK_SENDERS, ASK_SENDERS_RIGHT, ASK_CATCHALL,
        ],
        ("verified", True),
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", ["plain", "unattended"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_bare_machine_becomes_a_mail_server(setup, installed, tmp_path, case, way):
    (words, env), talk, (trust, catchall) = case
    machine = Machine(tmp_path / "m")
    if way == "plain":
        done = setup.run(machine, SKIP, "--plain", talk=talk)
    else:
        done = setup.run(machine, SKIP, *words, env=env)
    assert done.code == 0, done.out + done.err
    config = load.load(machine.config, None)
    senders = ("You@Example.test", "*@company.test") if trust == "verified" else ()
    assert (config.domain, config.trust, config.trusted_senders) == (DOMAIN, trust, senders)
    assert bool(config.mailboxes) == catchall == ("aimx-catchall" in (machine.tree / "etc/passwd").read_text())
    assert certificate.look(machine.tree / "etc/ssl/aimx", time.time()).serves(DOMAIN)
    if trust == "verified" and catchall:
        assert machine.picture() == installed.picture()
    assert done.out.count("Step 5 complete.") == 1
    closing = f"Your agents now have access to set up, send and receive emails from @{DOMAIN} emails."
    assert closing in done.out
    assert "→ aimx agents setup" in done.out
    assert "Traceback" not in done.out + done.err


def test_the_machine_in_detail(installed):
    """Modes and owners are the guide's."""
    picture, tree = installed.picture(), installed.tree
    accounts = (tree / "etc/passwd").read_text().splitlines()
    uid = next(int(line.split(":")[2]) for line in accounts if line.startswith("aimx-catchall:"))
    expected = {
        "etc/aimx/config.toml": ("0o100640", 0), "etc/aimx/dkim/private.key": ("0o100600", 0),
        "etc/aimx/dkim/public.key": ("0o100644", 0), "etc/ssl/aimx/key.pem": ("0o100600", 0),
        "etc/ssl/aimx/cert.pem": ("0o100644", 0), "var/log/aimx": ("0o41733", 0), "var/lib/aimx": ("0o40755", 0),
        "var/lib/aimx/.aimx": ("0o40700", 0), "var/lib/aimx/inbox/catchall": ("0o40700", uid),
        "var/lib/aimx/README.md": ("0o100644", 0), "etc/systemd/system/aimx.service": ("0o100644", 0),
    }  # fmt: skip
    assert {name: picture[name][:2] for name in expected} == expected
    assert "var/lib/aimx/sent/catchall" not in picture
    assert (picture["active"], picture["enabled"]) == (True, True)
    nowhere = "--no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin"
    assert installed.calls == [
        *(f"useradd --system --user-group {nowhere} {name}" for name in ("aimx-worker", "aimx-catchall")),
        "systemctl daemon-reload ", "systemctl enable aimx", "systemctl reset-failed aimx", "systemctl start aimx",
    ]  # fmt: skip


def test_a_second_run_changes_nothing_and_says_what_it_skips(setup, copy):
    before = copy.picture()
    done = setup.run(copy, SKIP, stdin="")
    assert done.code == 0, done
    assert (copy.picture(), copy.calls) == (before, [])
    for reason in ("TLS certificate already exists", "existing trust policy preserved", "aimx already installed"):
        assert f"skipped ({reason})." in done.out
    assert "[*] 6. Set up MCP for agent(s)" in done.out
    assert f"[{DOMAIN}] > " in done.err


def test_busybox(setup, tmp_path):
    machine = Machine(tmp_path / "m", users="adduser")
    with (machine.tree / "etc/group").open("a") as groups:
        groups.write("aimx-worker:x:700:\n")  # of a run that was cut short
    done = setup.run(machine, DOMAIN, SKIP, env=NOBODY)
    assert done.code == 0, done
    assert machine.calls[:3] == [
        "adduser -S -D -H -h /nonexistent -s /sbin/nologin -G aimx-worker -g aimx-worker aimx-worker",
        "addgroup -S aimx-catchall",
        "adduser -S -D -H -h /nonexistent -s /sbin/nologin -G aimx-catchall -g aimx-catchall aimx-catchall",
    ]


def test_no_program_makes_users(setup, tmp_path):
    machine = Machine(tmp_path / "m", users=None)
    before = machine.picture()
    done = setup.run(machine, DOMAIN, SKIP, env=NOBODY)
    assert done.code == 1
    assert "neither useradd nor adduser is installed" in done.err
    assert "apk add shadow" in done.err
    assert machine.picture() == before


# What stands in the way: told before the first question, and nothing is touched.
def _config(machine, text):
    machine.config.write_text(text)


def _key(machine):
    keys = machine.tree / "etc/aimx/dkim"
    keys.joinpath("private.key").write_text("no key")


def _authority(machine):
    (machine.tree / "etc/ssl/aimx/cert.pem").write_text("an authority's, cut in half")


PROBLEMS = {
    "a configuration that is no TOML": (lambda m: _config(m, "domain = "), "is not valid TOML"),
    "a configuration with a slip": (lambda m: _config(m, 'domian = "x.test"'), "domain"),
    "a broken key": (_key, "private.key cannot be used"),
    "a broken certificate": (_authority, "not one that setup made"),
    "no init system": (lambda m: (m.tree / "run/systemd/system").rmdir(), "neither systemd nor OpenRC"),
    "mail of somebody else": (lambda m: os.chown(m.tree / "var/lib/aimx", 1234, 0), "belongs to uid 1234"),
    "mail that others may write": (lambda m: (m.tree / "var/lib/aimx").chmod(0o777), "written by others"),
    "logs behind a link": (
        lambda m: ((m.tree / "var/log/aimx").rmdir(), (m.tree / "var/log/aimx").symlink_to("/tmp")),
        "is not a directory of root's",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PROBLEMS.values(), ids=PROBLEMS)
def test_what_stands_in_the_way_is_told_and_left_alone(setup, copy, case):
    spoil, text = case
    spoil(copy)
    before = copy.picture()
    done = setup.run(copy, SKIP, env=NOBODY)
    assert done.code == 1
    assert text in done.err
    assert "Traceback" not in done.err
    assert (copy.picture(), copy.calls) == (before, [])


ANSWERS_NEEDED = {
    "no domain": ([], "pass it, as in `sudo aimx setup agent.example.com`"),
    "not agreed to another domain": ([OTHER], "pass --yes"),
}


@pytest.mark.parametrize("env", [NOBODY, {}], ids=["unattended", "end of input"])
@pytest.mark.parametrize("case", ANSWERS_NEEDED.values(), ids=ANSWERS_NEEDED)
def test_an_answer_that_nobody_gives_names_its_option(setup, installed, tmp_path, case, env):
    words, text = case
    machine = installed.copy(tmp_path / "m") if words else Machine(tmp_path / "m")
    before = machine.picture()
    done = setup.run(machine, SKIP, *words, env=env, stdin="")
    assert done.code == 2
    assert text in done.err
    assert machine.picture() == before


def test_five_times_no_list_of_senders(setup, tmp_path):
    machine = Machine(tmp_path / "m")
    talk = [*FIRST, ("Leave it empty", "me\n"), *[(f"invalid sender '{one}'", f"{two}\n") for one, two in
            [("me", "b"), ("b", "c"), ("c", "d"), ("d", "last@")]]]  # fmt: skip
    done = setup.run(machine, SKIP, "--plain", talk=talk)
    assert done.code == 1
    assert "5 times no list of senders; the last one: invalid sender 'last@'" in done.out
    assert not machine.config.exists()


def test_another_domain(setup, copy):
    """Confirmed by a yes in so many words; what it does is seen on the disk."""
    copy.config.write_text(copy.config.read_text().replace("\n\n# Hooks", "  # ours\n\n# Hooks"))
    before, key = copy.config.read_text(), (copy.tree / "etc/aimx/dkim/private.key").read_bytes()
    refused = setup.run(copy, OTHER, SKIP, "--plain", talk=[("the certificate is made anew. [y/N]", "\n")])
    assert refused.code == 1
    assert f"{DOMAIN} stays as it is" in refused.out
    assert (copy.config.read_text(), copy.calls) == (before, [])
    talk = [("is made anew. [y/N]", "yes\n"), ASK_DNS]
    done = setup.run(copy, OTHER, SKIP, "--plain", talk=talk)
    assert done.code == 0, done.out
    assert copy.config.read_text() == before.replace(DOMAIN, OTHER)
    assert (copy.tree / f"etc/aimx/config.toml.{DOMAIN}").read_text() == before
    assert certificate.look(copy.tree / "etc/ssl/aimx", time.time()).serves(OTHER)
    assert (copy.tree / "etc/aimx/dkim/private.key").read_bytes() == key
    calls = ["stop aimx", "daemon-reload ", "enable aimx", "reset-failed aimx", "start aimx"]
    assert copy.calls == [f"systemctl {call}" for call in calls]


def test_another_domain_that_does_not_come_up_is_taken_back(setup, copy):
    (copy.tree / "ends-at-once").touch()
    before = copy.picture()
    done = setup.run(copy, OTHER, SKIP, "--yes")
    assert done.code == 1
    assert "the last words of the daemon" in done.err
    assert f"the configuration is that of {DOMAIN}" in done.err
    assert "Traceback" not in done.err
    after = copy.picture()
    for new in (f"etc/aimx/config.toml.{DOMAIN}", "var/lib/aimx/.aimx/writer.lock"):
        after.pop(new)
    assert after == before
    assert certificate.look(copy.tree / "etc/ssl/aimx", time.time()).serves(DOMAIN)
    assert copy.calls[-1] == "systemctl start aimx"


@pytest.mark.parametrize("until", ["Enter the domain", "Create the catchall"])
def test_ctrl_c_says_what_stands(setup, tmp_path, until):
    machine = Machine(tmp_path / "m")
    talk = [*FIRST, ASK_SENDERS, ASK_SENDERS_RIGHT, ASK_CATCHALL]
    at = next(index for index, (text, _) in enumerate(talk) if text.startswith(until[:12]))
    done = setup.run(machine, SKIP, "--plain", talk=[*talk[:at], (until, "\x03")])
    assert done.code == 130
    assert "Setup was interrupted." in done.out
    asked = until == "Enter the domain"
    assert ("Nothing was changed." in done.out) == asked
    assert ("What stands: the DKIM pair" in done.out) == (not asked)
    assert not machine.config.exists()
    assert "Traceback" not in done.out


def test_ctrl_c_while_it_installs_undoes_it(setup, installed, tmp_path):
    machine = Machine(tmp_path / "m")
    talk = [*FIRST, ASK_SENDERS, ASK_SENDERS_RIGHT, ASK_CATCHALL, ("README", "\x03")]
    with _never_ready(machine):
        done = setup.run(machine, SKIP, "--plain", talk=talk)
    assert done.code == 130
    assert "there is no configuration" in done.out
    assert "What stands: the DKIM pair" in done.out
    assert not machine.config.exists()
    again = setup.run(machine, DOMAIN, SKIP, "--yes", "--trusted-senders", SENDERS)
    assert again.code == 0, again
    assert machine.picture() == installed.picture()


@contextlib.contextmanager
def _never_ready(machine):
    """The service is started and never runs."""
    program = machine.bin / "systemctl"
    text = program.read_text()
    program.write_text(text.replace("start|restart) touch", "start|restart) :;; never) touch"))
    yield
    program.write_text(text)


def test_flags_that_an_existing_configuration_does_not_take_are_told(setup, copy):
    before = copy.picture()
    done = setup.run(copy, SKIP, "--no-catchall", "--trusted-senders", "", env=NOBODY)
    assert done.code == 0
    assert "--trusted-senders changes nothing here" in done.out
    assert "--no-catchall changes nothing here" in done.out
    assert copy.picture() == before


def test_port_25_that_cannot_be_tried_ends_it_before_anything_is_written(setup, tmp_path):
    machine = Machine(tmp_path / "m")
    before = machine.picture()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = setup.run(machine, DOMAIN, "--verify-host", f"http://127.0.0.1:{port}", env=NOBODY, verifier_port=port)
    assert done.code == 1
    assert "Step 1 failed." in done.out
    assert "Port 25" in done.err
    assert machine.picture() == before


def test_two_at_a_time(setup, tmp_path):
    machine = Machine(tmp_path / "m")
    with lock.sole(machine.tree / "run/aimx-setup.lock", "`aimx setup`"):
        done = setup.run(machine, DOMAIN, SKIP, env=NOBODY)
    assert done.code == 1
    assert "another `aimx setup` is at work on this machine" in done.err
    assert not machine.config.exists()


def test_dns_that_is_right_is_verified(setup, tmp_path):
    machine = Machine(tmp_path / "m")
    keys = machine.tree / "etc/aimx/dkim"
    keys.mkdir(parents=True)
    (keys / "private.key").write_bytes(pem := keyfiles.generate())
    ipv4 = nameservice.own_public()[0] or "192.0.2.7"
    zone = {
        "verified.test": {"A": [ipv4], "MX": ["10 verified.test."], "TXT": [f"v=spf1 ip4:{ipv4} -all"], "NS": []},
        "aimx._domainkey.verified.test": {"TXT": [SigningKey(pem).record]},
        "_dmarc.verified.test": {"TXT": ["v=DMARC1; p=reject"]},
    }
    with contextlib.closing(ZoneServer(zone)) as dns:
        talk = [("Press q to skip", "\n"), ("Leave it empty", "\n"), ("disabled? [Y/n]", "\n"), ASK_CATCHALL]
        env = {"AIMX_TEST_DNS": dns.address}
        done = setup.run(machine, "verified.test", SKIP, "--plain", talk=talk, env=env)
    assert done.code == 0, done.out
    assert "All DNS records verified. Your email server is ready!" in done.out
    assert "The DKIM keypair is there already." in done.out
    assert "DKIM: " in done.out


def test_openrc(setup, tmp_path):
    machine = Machine(tmp_path / "m", init="openrc")
    done = setup.run(machine, DOMAIN, SKIP, env=NOBODY)
    assert done.code == 0, done
    assert machine.calls[-2:] == ["rc-update -q add aimx default", "rc-service aimx --ifstopped start"]
    script = machine.tree / "etc/init.d/aimx"
    assert oct(script.stat().st_mode & 0o777) == "0o755"
    assert script.read_text().startswith("#!/sbin/openrc-run")
    machine.forget()
    assert setup.run(machine, SKIP, env=NOBODY).code == 0
    assert machine.calls == []


def test_dry_run_shows_and_touches_nothing(setup, tmp_path):
    machine = Machine(tmp_path / "m")
    before = machine.picture()
    done = setup.run(machine, "--dry-run", DOMAIN, "--no-catchall")
    assert done.code == 0
    assert "1. Create the system user aimx-worker" in done.out
    assert "Generate the DKIM key pair" in done.out
    assert "aimx-catchall" not in done.out
    assert (machine.picture(), machine.calls) == (before, [])


def test_an_installation_of_other_hands_is_completed_not_replaced(setup, tmp_path):
    """A configuration without catchall, a key of its own, and an account that may log in."""
    machine = Machine(tmp_path / "m")
    machine.config.parent.mkdir()
    text = f'domain = "{DOMAIN}" # mine\ndkim_selector = "s1"\n'
    machine.config.write_text(text)
    pem = keyfiles.generate()
    (machine.config.parent / "dkim").mkdir()
    (machine.config.parent / "dkim/private.key").write_bytes(pem)
    with (machine.tree / "etc/passwd").open("a") as accounts:
        accounts.write("aimx-worker:x:1500:1500::/home/w:/bin/bash\n")
    done = setup.run(machine, SKIP, env=NOBODY)
    assert done.code == 0, done
    assert machine.config.read_text() == text
    assert (machine.config.parent / "dkim/private.key").read_bytes() == pem
    assert (machine.config.parent / "dkim/public.key").read_bytes() == SigningKey(pem).public_pem
    assert "aimx-worker has uid 1500" in done.out
    assert not any("useradd" in call for call in machine.calls)


WRONG = {
    "no dot": (["nodots"], "has no dot"),
    "no sender": ([DOMAIN, "--trusted-senders", "you"], "invalid sender 'you'"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_a_wrong_command_line_is_told_before_anything_is_looked_at(case, monkeypatch, tmp_path, capsys):
    words, text = case
    monkeypatch.setenv("AIMX_CONFIG_DIR", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main.run(["setup", "--dry-run", *words])
    assert ended.value.code == 2
    assert text in capsys.readouterr().err


def test_it_is_for_root():
    """As nobody, in a fork: what was imported as root goes on."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setresuid(65534, 65534, 65534)
        try:
            main.run(["setup"])
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with open(read) as file:
        said = file.read()
    assert said.startswith("Refused: setup requires root")
    assert "aimx agents setup" in said
