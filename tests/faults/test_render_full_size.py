"""The largest body that is allowed, built against the renderer: rendered or refused, within a worker's patience."""

import os
import resource
import subprocess
import sys

import pytest

from aimx import limits
from aimx.errors import BodyTooLarge
from aimx.mime import render
from tests.mime.pathological import INPUTS

CPU_S = 60  # of one input; the slowest takes about eight on an idle machine, an algorithm in square time takes hours
LONG = int(os.environ.get("AIMX_FAULT_ROUNDS", "0")) >= 40


@pytest.mark.skipif(not LONG, reason="takes minutes: nox -s faults")
@pytest.mark.parametrize("name", INPUTS)
def test_full_size(name):
    code = f"from tests.faults import test_render_full_size as t; t.render_one({name!r})"
    run = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=_bounded,
        capture_output=True,
        text=True,
        timeout=1000,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def _bounded():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (limits.WORKER_MEMORY_OCTETS, limits.WORKER_MEMORY_OCTETS))


def render_one(name):
    """Render one input at the cap."""
    source = INPUTS[name](limits.MARKDOWN_OCTETS)
    try:
        render.render(source.encode()[: limits.MARKDOWN_OCTETS].decode(errors="ignore"))
    except BodyTooLarge as refusal:
        print(refusal.reason)
