"""The service under OpenRC: the text of its script, and the commands of rc-service and rc-update."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from aimx import limits
from aimx.effects import commands, systemfiles
from aimx.errors import Failed
from aimx.provision.service.api import NAME, Life, writable

_DEFAULT_CONFIG = Path("/etc/aimx")
_LOG = "/var/log/aimx/aimx.log"
# Everybody may make files beside the log: it has to be root's own file, with no other name, before root writes to it.
# Once it is, the sticky directory keeps it so.
_TEMPLATE = """\
#!/sbin/openrc-run
# Written by `aimx setup`, which writes it anew; keep variables of yours in /etc/conf.d/aimx (export NAME=value).

name="aimx"
description="aimx SMTP server"
supervisor=supervise-daemon
command={command}
command_args={arguments}
respawn_delay=5
respawn_max=5
respawn_period=60
retry="SIGTERM/{stop:.0f}/SIGKILL/5"
rc_ulimit="-n 65536"
output_log="{log}"
error_log="{log}"
extra_started_commands="reload"
description_reload="Read config.toml anew; keeps what is loaded when the file is not valid"
{environment}
depend() {{
\tuse net dns logger
\tafter firewall
}}

start_pre() {{
\tcheckpath -d -m 0755 -o root:root /run/aimx || return 1
\t[ -d "${{output_log%/*}}" ] || checkpath -d -m 1733 -o root:root "${{output_log%/*}}" || return 1
\tcase "$(stat -c '%u %h %F' "$output_log" 2>/dev/null)" in
\t"0 1 regular "*) ;;
\t*)
\t\trm -rf "$output_log"
\t\t( umask 027; set -C; : >"$output_log" ) || return 1
\t\t;;
\tesac
}}

reload() {{
\tebegin "Reloading $name"
\tsupervise-daemon "$RC_SVCNAME" --signal HUP
\teend $?
}}
"""


def script(program: Sequence[str], config_dir: Path, data_dir: Path) -> str:
    """The service script. Its words are quoted twice: they are expanded again when supervise-daemon is called.

    Raises: Failed for a path that no script can hold.
    """
    words = [*program, "serve", "--data-dir", str(data_dir)]
    writable(*words, str(config_dir))
    environment = ""
    if config_dir != _DEFAULT_CONFIG:
        default = shlex.quote(str(config_dir))
        environment = f'\n[ -n "$AIMX_CONFIG_DIR" ] || AIMX_CONFIG_DIR={default}\nexport AIMX_CONFIG_DIR\n'
    return _TEMPLATE.format(
        command=shlex.quote(shlex.quote(words[0])),
        arguments=shlex.quote(shlex.join(words[1:])),
        stop=limits.SERVICE_STOP_S,
        log=_LOG,
        environment=environment,
    )


class OpenRc:
    """Implements provision.service.api.Service."""

    def __init__(self, root: Path) -> None:
        self.path = root / "etc/init.d/aimx"
        self._log = root / _LOG.lstrip("/")

    def text(self, program: Sequence[str], config_dir: Path, data_dir: Path) -> str:
        """The script."""
        return script(program, config_dir, data_dir)

    def installed(self, text: str) -> bool:
        """Whether the script says just that."""
        return systemfiles.says(self.path, text)

    def runs(self) -> str:
        """By its command."""
        return systemfiles.first_word(self.path, "command", quoted=2)

    async def install(self, text: str) -> None:
        """Write it, add it to the default runlevel."""
        await self.renew(text)
        await _run("rc-update", "-q", "add", NAME, "default")

    async def renew(self, text: str) -> None:
        """Write it."""
        systemfiles.place(self.path, text, 0o755)

    async def start(self) -> None:
        """Start it; one that gave up has to be forgotten first."""
        if (await self.life()).failed:
            await _run("rc-service", NAME, "zap", may_fail=True)
        await _run("rc-service", NAME, "--ifstopped", "start")

    async def restart(self) -> None:
        """Stop and start it."""
        if (await self.life()).failed:
            await _run("rc-service", NAME, "zap", may_fail=True)
        await _run("rc-service", NAME, "restart")

    async def stop(self) -> None:
        """Stop it."""
        if (await self.life()).active:
            await _run("rc-service", NAME, "stop")

    async def life(self) -> Life:
        """By the exit code of `status`: 32 and 64 are of a daemon that is gone."""
        ran = await _run("rc-service", NAME, "status", may_fail=True)
        failed = ran.code in (32, 64)
        return Life(ran.ok, failed, ran.why if failed else "")

    async def active(self) -> bool:
        """Whether it runs."""
        return (await self.life()).active

    async def last_words(self) -> tuple[str, ...]:
        """From the log that the script names."""
        try:
            lines = _end_of(self._log)
        except OSError as error:
            lines = [f"{self._log}: {error.strerror}"]
        return tuple(lines[-limits.SERVICE_LOG_LINES :])

    async def remove(self) -> None:
        """Stop, remove from all runlevels, remove."""
        if self.path.exists():
            await self.stop()
            await _run("rc-update", "-q", "-a", "del", NAME, may_fail=True)
            systemfiles.remove(self.path)


def _end_of(log: Path) -> list[str]:
    with open(log, "rb") as file:
        file.seek(max(0, file.seek(0, 2) - limits.SERVICE_LOG_OCTETS))
        return file.read().decode("utf-8", "replace").splitlines()


async def _run(*argv: str, may_fail: bool = False) -> commands.Ran:
    ran = await commands.run(argv, limits.SERVICE_COMMAND_S)
    if not (ran.ok or may_fail):
        raise Failed(f"{' '.join(argv)}: {ran.why}")
    return ran
