"""Every check of the project. `nox -l` lists them; `.ci/run` runs all that the machine can."""

import datetime
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

import nox

nox.options.sessions = ["lint", "types", "docs", "tests"]
_SOURCES = ("aimx", "aimx_tui", "install", "tests", "noxfile.py")
_BIN = os.path.abspath(".nox/dev/bin")  # one environment for all sessions: the same packages, installed once
# One test may take minutes in the long sessions; the dump of stacks is for one that hangs.
_PATIENCE = ("-o", "faulthandler_timeout=1200")
# A module's tests stay together and in order: many share one daemon.
_SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile")

# Minutes in all, most of them waited for: daemons that are killed and started again, demonstrations, name servers that
# do not answer.
_STORIES = ("tests/demo", "tests/hooks/test_pool.py", "tests/hooks/test_after_send.py", "tests/hooks/test_workers.py",
            "tests/hooks/test_composing.py", "tests/daemon/test_watch.py", "tests/daemon/test_smtp_listener.py",
            "tests/provision/test_doctor.py", "tests/cli/test_ingest.py")  # fmt: skip
# Each has a session of its own.
_ELSEWHERE = ("tests/faults", "tests/systemd", "tests/clients", "tests/tui", "tests/root", "tests/install",
              "tests/release", "tests/fuzz", "tests/docs", "tests/structure", *_STORIES)  # fmt: skip

_EVIDENCE = pathlib.Path(".nox/evidence/fuzz")

_installed: list[str] = []


def _install(session: nox.Session) -> None:
    """Make the environment, or bring it up to date, once per run of nox; not where AIMX_DEV_READY says that it is."""
    if not _installed and not os.environ.get("AIMX_DEV_READY"):
        session.run(sys.executable, "-m", "venv", os.path.dirname(_BIN), external=True)
        session.run(f"{_BIN}/pip", "install", "-q", "-e", ".[dev]", external=True)
        _installed.append(_BIN)


def _run(session: nox.Session, program: str, *words: str, **env: str) -> None:
    """Run a program of the shared environment.

    Bytecode is kept whatever the caller's environment says: the tests start hundreds of processes from these sources.
    """
    session.run(f"{_BIN}/{program}", *words, env={"PYTHONDONTWRITEBYTECODE": None, **env}, external=True)


@nox.session(python=False)
def lint(session: nox.Session) -> None:
    """Style, layer contract and structure budget."""
    _install(session)
    _run(session, "ruff", "check", *_SOURCES)
    _run(session, "ruff", "format", "--check", *_SOURCES)
    _run(session, "lint-imports")
    _run(session, "pytest", "tests/structure")


@nox.session(python=False)
def types(session: nox.Session) -> None:
    """Static types."""
    _install(session)
    _run(session, "mypy")


@nox.session(python=False)
def tests(session: nox.Session) -> None:
    """The default tests; as root also those that need real users. Fault runs have a session of their own."""
    _install(session)
    ignored = [f"--ignore={path}" for path in _ELSEWHERE]
    _run(session, "pytest", "-rs", *_SIDE_BY_SIDE, *ignored, *session.posargs)


@nox.session(python=False)
def stories(session: nox.Session) -> None:
    """Longer stories beside real daemons; with `tests` the whole of what needs nothing but Python."""
    _install(session)
    _run(session, "pytest", "-rs", *_SIDE_BY_SIDE, *_STORIES, *session.posargs)


@nox.session(python=False)
def root(session: nox.Session) -> None:
    """What takes root: real users, ownership, namespaces."""
    if os.geteuid() != 0:
        session.skip("needs root")
    _install(session)
    _run(session, "pytest", "-rs", *_SIDE_BY_SIDE, "tests/root", *session.posargs)


@nox.session(python=False)
def lab(session: nox.Session) -> None:
    """Tests against real peers: Postfix, OpenDKIM, dnsmasq, swaks, openssl; each skips where its peer is missing."""
    _install(session)
    _run(session, "pytest", "-rs", "-m", "lab", "tests/lab", *session.posargs)


@nox.session(python=False)
def faults(session: nox.Session) -> None:
    """Longer fault runs: kill -9, full disks, failing writes, fifty clients at once."""
    _install(session)
    longer = {"AIMX_FAULT_ROUNDS": "200", "AIMX_FAULT_SECONDS": "60"} | os.environ
    env = {name: longer[name] for name in ("AIMX_FAULT_ROUNDS", "AIMX_FAULT_SECONDS")}
    _run(session, "pytest", "-rs", *_PATIENCE, *_SIDE_BY_SIDE, "tests/faults", *session.posargs, **env)


@nox.session(python=False)
def fuzz(session: nox.Session) -> None:
    """Every parser: the property tests with many examples, then the corpus mutated; `-- --seconds 600` for each target.

    Words are for `python -m tests.fuzz`. AIMX_FUZZ_EXAMPLES is the number of examples of each property, AIMX_FUZZ_SEED
    where chance begins: the date unless given. `.nox/evidence/fuzz` is there afterwards if anything was found.
    """
    _install(session)
    seed = os.environ.get("AIMX_FUZZ_SEED") or datetime.datetime.now(datetime.UTC).strftime("%Y%m%d")
    examples = ("-m", "hypothesis", f"--hypothesis-seed={seed}")
    _EVIDENCE.unlink(missing_ok=True)
    _finding(session, *_SIDE_BY_SIDE, *examples, HYPOTHESIS_PROFILE=os.environ.get("HYPOTHESIS_PROFILE", "fuzz"))
    _finding(session, "tests/fuzz")
    _run(session, "python", "-m", "tests.fuzz", *session.posargs, AIMX_FUZZ_SEED=seed)


def _finding(session: nox.Session, *words: str, **env: str) -> None:
    """Run tests whose failure is a find, whatever a second try says."""
    try:
        _run(session, "pytest", *_PATIENCE, *words, **env)
    except nox.command.CommandFailed:
        _EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
        _EVIDENCE.write_text(f"failed: pytest {shlex.join(words)}\n")
        raise


@nox.session(python=False)
def docs(session: nox.Session) -> None:
    """README and book against the program: links, commands, configuration keys, tables, examples; then the book itself.

    `dist/book/` gets the HTML, `dist/book/man/` the manual pages. UPDATE_GOLDEN=1 writes the generated pages anew.
    """
    _install(session)
    _run(session, "pytest", "tests/docs", *session.posargs)
    _run(session, "python", "-m", "tests.docs.site", "dist/book")


@nox.session(python=False)
def tui(session: nox.Session) -> None:
    """The full-screen programs: their screens under a pilot, and pictures of them against those on file."""
    _install(session)
    _run(session, "pytest", "-rs", *_SIDE_BY_SIDE, "tests/tui", *session.posargs)


@nox.session(python=False)
def systemd(session: nox.Session) -> None:
    """Hooks and setup under a real systemd: boots Debian trees in systemd-nspawn, with the wheel of this checkout."""
    _install(session)
    tree = session.run(f"{_BIN}/python", "-m", "tests.systemd.tree", silent=True, external=True, success_codes=[0, 3])
    if tree is None or not os.path.isdir(str(tree).strip()):
        session.skip(f"this machine cannot: {str(tree).strip()}")
    with tempfile.TemporaryDirectory() as made:
        # A copy, because a build leaves modules behind that later wheels of the same checkout would hold too.
        source = os.path.join(made, "source")
        os.mkdir(source)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(name, source)
        for package in ("aimx", "aimx_tui"):
            shutil.copytree(package, os.path.join(source, package), ignore=shutil.ignore_patterns("__pycache__"))
        _run(session, "pip", "wheel", "-q", "--no-deps", "--wheel-dir", made, source)
        (wheel,) = (name for name in os.listdir(made) if name.endswith(".whl"))
        environment = {"AIMX_WHEEL": os.path.join(made, wheel)}
        _run(session, "pytest", "-rs", *_PATIENCE, "tests/systemd", *session.posargs, **environment)


@nox.session(python=False)
def release(session: nox.Session) -> None:
    """Build a release below dist/ and try it in fresh Debian trees; words are options of `python -m install.release`.

    Without `--key FILE` a throw-away key signs, and nothing else trusts what was built.
    """
    _install(session)
    with tempfile.TemporaryDirectory() as made:
        options = list(session.posargs)
        if "--key" not in options:
            key = os.path.join(made, "throw-away.pem")
            _run(session, "python", "-m", "install.release.sealing", key)
            options += ["--key", key, "--rehearsal"]
        told = session.run(f"{_BIN}/python", "-m", "install.release", *options, silent=True, external=True)
        print(told)
        made_in = next(line for line in str(told).splitlines() if os.path.isdir(line))
        environment = {"AIMX_RELEASE": made_in, "AIMX_RELEASE_OPTIONS": shlex.join(options)}
        _run(session, "pytest", "-rs", *_PATIENCE, *_SIDE_BY_SIDE, "tests/release", **environment)


@nox.session(python=False)
def installer(session: nox.Session) -> None:
    """install.sh and portcheck.sh in every branch, under dash and BusyBox, against releases spoilt in every way."""
    if os.geteuid() != 0:
        session.skip("needs root")
    _install(session)
    _run(session, "pytest", "-rs", *_PATIENCE, *_SIDE_BY_SIDE, "tests/install", *session.posargs)


@nox.session(python=False)
def clients(session: nox.Session) -> None:
    """Real agents' programs against `aimx mcp`: connected, and mail sent, waited for, read and answered.

    They are installed once below `.nox/clients`; what cannot be is told with its reason. The tests have no network but
    loopback where the kernel lets us take it away.
    """
    _install(session)
    directory = os.path.abspath(".nox/clients")
    _run(session, "python", "-m", "tests.clients.install", directory)
    argv = [f"{_BIN}/pytest", "-rs", "tests/clients", *session.posargs]
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode == 0:
        argv = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *argv]
    session.run(*argv, env={"PYTHONDONTWRITEBYTECODE": None, "AIMX_CLIENTS": directory}, external=True)


@nox.session(python=False)
def bench(session: nox.Session) -> None:
    """Measure; prints one table, which `dist/bench/` gets as Markdown and JSON; asserts nothing."""
    _install(session)
    _run(session, "python", "-m", "tests.bench", *session.posargs)


@nox.session(python=False)
def soak(session: nox.Session) -> None:
    """An hour of mixed traffic: memory, descriptors and latency stay as they are, nothing is lost."""
    _install(session)
    _run(session, "python", "-m", "tests.soak", *session.posargs)
