"""Every check of the project. `nox -l` lists them; `.ci/run` runs all that the machine can."""

import os

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.options.default_venv_backend = "venv"
_SOURCES = ("aimx", "aimx_tui", "tests", "noxfile.py")


def _install(session: nox.Session) -> None:
    session.install("-q", "-e", ".[dev]")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, layer contract and structure budget."""
    _install(session)
    session.run("ruff", "check", *_SOURCES)
    session.run("ruff", "format", "--check", *_SOURCES)
    session.run("lint-imports")
    session.run("pytest", "tests/structure")


@nox.session
def types(session: nox.Session) -> None:
    """Static types."""
    _install(session)
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """The default tests; as root also those that need real users."""
    _install(session)
    session.run("pytest", *session.posargs)


@nox.session
def root(session: nox.Session) -> None:
    """Only the tests that need root: real users, ownership, namespaces."""
    _install(session)
    if os.geteuid() != 0:
        session.skip("needs root")
    session.run("pytest", "-m", "root", *session.posargs)


@nox.session
def lab(session: nox.Session) -> None:
    """Tests against real peers: dnsmasq, swaks, openssl; each skips with its reason where the peer is missing."""
    _install(session)
    session.run("pytest", "-m", "lab", "tests/lab", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Longer fault runs: kill -9, full disks, failing writes."""
    _install(session)
    session.run("pytest", "tests/faults", *session.posargs, env={"AIMX_FAULT_ROUNDS": "200"})


@nox.session
def bench(session: nox.Session) -> None:
    """Measure; prints a table, asserts nothing."""
    _install(session)
    session.run("python", "-m", "tests.bench", *session.posargs)
