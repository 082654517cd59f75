"""The service under systemd: the text of its unit, and the commands of systemctl.

The sandbox is that of the daemon. Hooks are units of systemd's own and are not in it; with the fallback executor they
are, so no directive is used that an ordinary program would notice and the sandbox of hooks does not have anyway.
"""

from collections.abc import Sequence
from pathlib import Path

from aimx import limits
from aimx.effects import commands, systemfiles
from aimx.effects.unitfile import SLICE
from aimx.errors import Failed
from aimx.provision.service.api import NAME, Life, writable

_DEFAULT_CONFIG = Path("/etc/aimx")
# Workers are given a network of their own (SYS_ADMIN), helpers and hooks an identity (SETUID, SETGID, SETPCAP, KILL);
# mailboxes belong to their owners (CHOWN, DAC_OVERRIDE, FOWNER); port 25 is a low one.
_CAPABILITIES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_KILL", "CAP_NET_BIND_SERVICE",
    "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_ADMIN",
)  # fmt: skip
_TEMPLATE = """\
# Written by `aimx setup`, which writes it anew; keep changes of yours in `systemctl edit aimx`.
[Unit]
Description=aimx SMTP server
After=network-online.target nss-lookup.target
Wants=network-online.target
StartLimitBurst=5
StartLimitIntervalSec=60s

[Service]
Type=simple
User=root
# A program file that was put there by hand unpacks itself below /usr, which the service may not write.
ExecStartPre=+{version}
ExecStart={command}
ExecReload=/bin/sh -c 'kill -HUP $MAINPID'
{environment}Restart=on-failure
RestartSec=5s
# The daemon gives its sessions {drain:.0f} s, and ends its helpers itself.
TimeoutStopSec={stop:.0f}s
KillMode=mixed
# A worker that takes too much memory is replaced; it is no reason to end the daemon.
OOMPolicy=continue
# While there is no daemon systemd holds the pipes into which hooks write.
FileDescriptorStoreMax=64
LimitNOFILE=65536
LimitCORE=0
TasksMax=4096
RuntimeDirectory={name}
StandardOutput=journal
StandardError=journal

# /usr, /boot and /etc are read-only but for these. Homes, /tmp and /var are what mail and hooks are about.
ProtectSystem=full
ReadWritePaths={writable}
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
# Workers get a network of their own, empty; nothing here needs another namespace.
RestrictNamespaces=net
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
CapabilityBoundingSet={capabilities}

[Install]
WantedBy=multi-user.target
"""


def unit(program: Sequence[str], config_dir: Path, data_dir: Path) -> str:
    """The unit file. Raises: Failed for a path that no unit can hold."""
    words = [*program, "serve", "--data-dir", str(data_dir)]
    version = [*program, "--version"]
    writable(*words, str(config_dir))
    environment = ""
    if config_dir != _DEFAULT_CONFIG:
        environment = f"Environment={_quoted(f'AIMX_CONFIG_DIR={config_dir}')}\n"
    return _TEMPLATE.format(
        version=_command(version),
        command=_command(words),
        environment=environment,
        drain=limits.DRAIN_S,
        stop=limits.SERVICE_STOP_S,
        name=NAME,
        writable=" ".join(_quoted(f"-{path}") for path in (config_dir, data_dir)),
        capabilities=" ".join(_CAPABILITIES),
    )


def _command(words: Sequence[str]) -> str:
    """The first word is a path, in which variables are not looked for."""
    return " ".join([_quoted(words[0]), *(_quoted(word.replace("$", "$$")) for word in words[1:])])


def _quoted(word: str) -> str:
    """A word of systemd.syntax(7); specifiers are none."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    plain = escaped == word and not any(character.isspace() or character in "'\";" for character in word)
    return word if plain else f'"{escaped}"'


class Systemd:
    """Implements provision.service.api.Service."""

    def __init__(self, root: Path) -> None:
        self.path = root / "etc/systemd/system/aimx.service"

    def text(self, program: Sequence[str], config_dir: Path, data_dir: Path) -> str:
        """The unit."""
        return unit(program, config_dir, data_dir)

    def installed(self, text: str) -> bool:
        """Whether the unit says just that."""
        return systemfiles.says(self.path, text)

    def runs(self) -> str:
        """By its ExecStart."""
        return systemfiles.first_word(self.path, "ExecStart").replace("%%", "%")

    async def install(self, text: str) -> None:
        """Write, read again, enable."""
        await self.renew(text)
        await self._systemctl("enable", NAME)

    async def renew(self, text: str) -> None:
        """Write, read again."""
        systemfiles.place(self.path, text, 0o644)
        await self._systemctl("daemon-reload")

    async def start(self) -> None:
        """Start it."""
        await self._systemctl("reset-failed", NAME, may_fail=True)  # fails for a unit that was never loaded
        await self._systemctl("start", NAME)

    async def restart(self) -> None:
        """Stop and start it."""
        await self._systemctl("reset-failed", NAME, may_fail=True)
        await self._systemctl("restart", NAME)

    async def stop(self) -> None:
        """Stop it."""
        await self._systemctl("stop", NAME)

    async def life(self) -> Life:
        """By its states."""
        said = await self._systemctl("show", "--property=ActiveState,SubState,Result,ExecMainStatus", NAME)
        found = dict(line.split("=", 1) for line in said.out.splitlines() if "=" in line)
        state, result = found.get("ActiveState", ""), found.get("Result", "")
        # Between two attempts it is `activating`, and that the first one failed is in its result.
        failed = state == "failed" or found.get("SubState") == "auto-restart"
        why = f"{result}, exit status {found.get('ExecMainStatus', '?')}" if failed else ""
        return Life(state in ("active", "reloading"), failed, why)

    async def active(self) -> bool:
        """Whether it runs."""
        return (await self.life()).active

    async def last_words(self) -> tuple[str, ...]:
        """From the journal."""
        words = (
            "journalctl",
            "--no-pager",
            "--quiet",
            "--output=cat",
            f"--lines={limits.SERVICE_LOG_LINES}",
            "-u",
            NAME,
        )
        try:
            return tuple((await commands.run(words, limits.COMMAND_S)).out.splitlines())
        except Failed as error:
            return (error.reason,)

    async def remove(self) -> None:
        """Stop, disable, remove, read again; units of hooks go too, for nobody would wait for their end."""
        there = self.path.exists()
        await self._systemctl("stop", NAME, may_fail=not there)
        await self._systemctl("disable", NAME, may_fail=not there)
        systemfiles.remove(self.path)
        await self._systemctl("daemon-reload")
        await self._systemctl("stop", SLICE, may_fail=True)
        await self._systemctl("reset-failed", NAME, may_fail=True)

    async def _systemctl(self, verb: str, *words: str, may_fail: bool = False) -> commands.Ran:
        argv = ("systemctl", "--no-pager", "--no-ask-password", verb, *words)
        ran = await commands.run(argv, limits.SERVICE_COMMAND_S)
        if not (ran.ok or may_fail):
            raise Failed(f"systemctl {verb} {' '.join(words)}".rstrip() + f": {ran.why}")
        return ran
