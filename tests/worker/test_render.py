"""A worker that has dropped its privileges renders: it has imported all that it needs, and it opens nothing."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "fixtures" / "markdown"
CODE = """
import sys
from pathlib import Path

from aimx.worker import main

main.preload()
from aimx.mime import render

sources = [path.read_bytes().decode() for path in sorted(Path(sys.argv[1]).rglob("*.md"))]
loaded = set(sys.modules)
asked = []
outside = ("open", "import", "socket.", "subprocess.", "os.", "urllib.", "ctypes.", "shutil.", "tempfile.")
sys.addaudithook(lambda event, args: asked.append(event) if event.startswith(outside) else None)
for source in sources:
    render.render(source)
print(len(sources) > 10, sorted(set(sys.modules) - loaded), asked)
"""


def test_nothing_is_imported_or_opened_after_the_preload():
    run = subprocess.run([sys.executable, "-c", CODE, ROOT], capture_output=True, text=True, timeout=300, check=True)
    assert run.stdout.strip() == "True [] []", run.stderr
