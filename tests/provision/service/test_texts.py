"""What the service files say. `UPDATE_GOLDEN=1 pytest tests/provision/service` rewrites what is expected."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from aimx.errors import Failed
from aimx.provision.service import openrc, systemd

GOLDEN = Path(__file__).with_name("golden")
PLAIN = (("/opt/aimx/bin/aimx",), Path("/etc/aimx"), Path("/var/lib/aimx"))
ELSEWHERE = (
    ("/opt/my $HOME's 100%/py\\thon", "-I", "-m", "aimx.cli.main"),
    Path('/srv/con"fig $X;'),
    Path("/srv/ma'il `id` %n\\x"),
)


@pytest.mark.parametrize("build", [systemd.unit, openrc.script], ids=["systemd", "openrc"])
@pytest.mark.parametrize("where", [PLAIN, ELSEWHERE], ids=["plain", "elsewhere"])
def test_a_service_file(build, where, request):
    text = build(*where)
    path = GOLDEN / f"{request.node.callspec.id}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("build", [systemd.unit, openrc.script], ids=["systemd", "openrc"])
def test_no_service_file_holds_control_characters(build):
    with pytest.raises(Failed, match="control characters"):
        build(("/opt/aimx",), Path("/etc/aimx"), Path("/var/lib/x\ny"))


@pytest.mark.parametrize("name", ["a\u2028b", "a\x85b", "a b", "%i $x", "it's"], ids=ascii)
@pytest.mark.parametrize(
    ("service", "build"), [(systemd.Systemd, systemd.unit), (openrc.OpenRc, openrc.script)], ids=["systemd", "openrc"]
)
def test_the_program_of_a_service_is_read_as_it_was_written(service, build, name, tmp_path):
    one = service(tmp_path)
    one.path.parent.mkdir(parents=True)
    one.path.write_text(build((f"/opt/{name}/aimx",), Path("/etc/aimx"), Path("/var/lib/aimx")))
    assert one.runs() == f"/opt/{name}/aimx"


@pytest.mark.skipif(shutil.which("dash") is None, reason="no dash")
def test_the_words_of_the_script_survive_its_two_expansions(tmp_path):
    """As supervise-daemon.sh uses them: `eval supervise-daemon … $command -- $command_args`."""
    script = tmp_path / "script"
    script.write_text(openrc.script(*ELSEWHERE))
    show = f'. {script}; eval printf "%s\\\\\\\\n" $command $command_args; printf "%s\\n" "$AIMX_CONFIG_DIR"'
    said = subprocess.run(
        ["dash", "-euc", show], env={"AIMX_CONFIG_DIR": ""}, capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == [*ELSEWHERE[0], "serve", "--data-dir", str(ELSEWHERE[2]), str(ELSEWHERE[1])]
