"""The service under OpenRC: Debian's own tools over the tree, in namespaces, without a boot; one run, in parts."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.systemd import tree
from tests.systemd.setup.places import DOMAIN
from tests.systemd.tree import VENV

_PACKAGES = ("openrc", "libeinfo1", "librc1")
_STATES = "exclusive starting started stopping inactive wasinactive failed hotplugged daemons options scheduled tmp"
_OUTSIDE = """
set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/tree"
mount -t overlay -o "lowerdir=$2:$3,upperdir=$1/upper,workdir=$1/work" overlay "$1/tree"
cd "$1/tree"
mount -t proc proc proc; mount -t tmpfs tmpfs run; mount --bind /dev dev
ip link set lo up
mkdir -p run/openrc run/lock etc/runlevels/default
for state in {states}; do mkdir "run/openrc/$state"; done
touch run/openrc/softlevel
cp "$4" root/
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 AIMX_NONINTERACTIVE=1 chroot . sh -c "$5"
"""
# What OpenRC's programs say is not ours; what is looked at follows `== name`.
_INSIDE = """
exec 2>&1
cd /
aimx() {{ {venv}/bin/aimx "$@"; }}
front() {{ {venv}/bin/python -c 'import sys, trio
from aimx.provision import probe
from pathlib import Path
print(probe.daemon(Path("/run/aimx/aimx.sock")).pid)'; }}
until_served() {{ for _ in $(seq 600); do aimx mailboxes list >/dev/null 2>&1 && return; sleep 0.1; done; return 1; }}
{venv}/bin/pip install -q --no-index --no-deps /root/*.whl
mkdir -m 1733 /var/log/aimx; ln -s /etc/passwd /var/log/aimx/aimx.log
echo == setup; aimx setup --skip-preflight {domain}; echo "exit $?"
echo == log; stat -c '%F %U %a' /var/log/aimx/aimx.log; grep -c event= /etc/passwd
echo == runlevel; rc-update show default
printf '[mailboxes.new]\\naddress = "new@{domain}"\\nowner = "root"\\n' >>/etc/aimx/config.toml
before=$(front)
echo == reload; rc-service aimx reload; for _ in $(seq 600); do aimx mailboxes list | grep new && break; sleep 0.1; done
echo == same; [ "$before" = "$(front)" ] && echo yes
echo == killed; kill -9 "$before"; sleep 1; until_served && rc-service aimx status
echo == restart; rc-service aimx restart; until_served; echo "exit $?"
echo == logs; aimx logs
echo == uninstall; aimx uninstall --yes; echo "exit $?"
echo == after; ls /etc/init.d/aimx; rc-update show default | grep aimx
odd="/srv/my \\$HOME's 100%/x"; mkdir -p "$odd"; mv /etc/aimx "$odd/etc"
echo == odd; AIMX_CONFIG_DIR="$odd/etc" aimx --data-dir "$odd/da\\ta \\"q\\"" setup --skip-preflight; echo "exit $?"
echo == odd-data; ls "$odd/da\\ta \\"q\\""
echo == end; aimx uninstall --yes
"""


def _layer() -> Path:
    """The tools, unpacked for a system whose /bin, /sbin and /lib are below /usr; kept beside the trees."""
    layer = tree.cache() / "openrc"
    if layer.is_dir():
        return layer
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=tree.cache()) as made:
        root = Path(made, "root")
        for name in ("bin", "sbin", "lib"):
            (root / "usr" / name).mkdir(parents=True)
            (root / name).symlink_to(f"usr/{name}")
        command = ["apt-get", "-o", "APT::Sandbox::User=root", "download", *_PACKAGES]
        got = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=120)
        if got.returncode:
            pytest.skip(f"OpenRC cannot be downloaded: {got.stderr.strip().splitlines()[-1]}")
        for package in Path(made).glob("*.deb"):
            contents = subprocess.run(["dpkg", "--fsys-tarfile", str(package)], capture_output=True, check=True).stdout
            unpack = ["tar", "-x", "--keep-directory-symlink", "-C", str(root)]
            subprocess.run(unpack, input=contents, check=True, timeout=60)
        root.chmod(0o755)
        root.rename(layer)
    return layer


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What each part said, by its name."""
    if "AIMX_WHEEL" not in os.environ:
        pytest.skip("`nox -s systemd` builds the wheel and the tree for these tests")
    if shutil.which("apt-get") is None:
        pytest.skip("OpenRC comes from Debian, and apt-get is not installed")
    try:
        base = tree.ready()
    except tree.Unavailable as error:
        pytest.skip(str(error))
    inside = _INSIDE.format(venv=VENV, domain=DOMAIN)
    space = tmp_path_factory.mktemp("openrc")
    unshare = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--pid", "--fork",
               "--kill-child", "--net", "--uts"]  # fmt: skip
    words = [str(space), str(_layer()), str(base), os.environ["AIMX_WHEEL"], inside]
    argv = [*unshare, "sh", "-c", _OUTSIDE.replace("{states}", _STATES), "sh", *words]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    parts = dict(part.split("\n", 1) for part in done.stdout.split("== ")[1:])
    assert "odd-data" in parts, done.stdout[-4000:] + done.stderr
    return parts


@pytest.mark.parametrize("part", ["setup", "restart", "uninstall", "odd"])
def test_it_goes_well(said, part):
    assert said[part].endswith("exit 0\n"), said[part]
    assert "too many arguments" not in said[part]  # dash takes one limit at a time


def test_a_squatted_log_is_replaced_and_not_followed(said):
    assert said["log"] == "regular file root 640\n0\n"


def test_it_starts_at_every_boot(said):
    assert "aimx" in said["runlevel"]


def test_a_reload_reaches_the_daemon(said):
    assert "new@" in said["reload"]
    assert said["same"] == "yes\n"


def test_a_daemon_that_was_killed_is_started_again(said):
    assert "status: started" in said["killed"]


def test_the_log_is_where_aimx_logs_looks(said):
    assert "event=config-reloaded" in said["logs"]


def test_nothing_is_left_of_it(said):
    (line,) = [line for line in said["after"].splitlines() if "insserv" not in line]
    assert "No such file" in line


def test_a_path_arrives_as_it_is(said):
    assert said["odd-data"].split() == ["README.md", "inbox", "sent"]
