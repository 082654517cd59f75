"""No body makes the renderer slow, deep or large. The same inputs at full size are in tests/faults."""

import resource
import subprocess
import sys

import pytest

from aimx.mime import render
from tests.mime.pathological import INPUTS

OCTETS = 40_000
CPU_S = 60  # of all inputs together; they take about six


def test_every_input_is_rendered_in_time():
    code = f"from tests.mime import test_render_cost as t; t.render_all({OCTETS})"
    run = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S)),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.split() == list(INPUTS)


def render_all(size):
    """Render every input; names what is done."""
    for name, made in INPUTS.items():
        render.render(made(size))
        print(name, flush=True)


@pytest.mark.parametrize(
    "name", ["nested-quotes", "nested-lists", "nested-brackets", "nested-emphasis", "nested-images"]
)
def test_depth_of_a_source_is_no_depth_of_calls(name):
    limit = sys.getrecursionlimit()
    source = INPUTS[name](200_000)
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    sys.setrecursionlimit(depth + 400)
    try:
        render.render(source)
    finally:
        sys.setrecursionlimit(limit)


def test_short_mentions_of_a_long_target_do_not_multiply():
    source = INPUTS["expansion"](200_000)
    assert len(render.render(source)) < 3 * len(source)


def test_wide_tables_do_not_multiply():
    rendered = render.render(INPUTS["tables"](80_000))
    assert rendered.count("<td") < 70_000
