"""Root without the capabilities of root, as in a container."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.root


@pytest.mark.parametrize("lost", ["sys_admin", "setpcap"])
def test_who_cannot_lock_up_parsers_does_not_start(tmp_path, lost):
    """It ends at once, instead of trying for ever."""
    (tmp_path / "config.toml").write_text(f'domain = "a.test"\ndata_dir = "{tmp_path}/mail"\n')
    env = {**os.environ, "AIMX_CONFIG_DIR": str(tmp_path), "AIMX_RUNTIME_DIR": str(tmp_path)}
    serve = (sys.executable, "-m", "aimx.cli.main", "serve", "--bind", "127.0.0.1:0")
    argv = ("setpriv", f"--bounding-set=-{lost}", *serve)
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"Error: aimx serve as root lacks CAP_{lost.upper()}: ")
