"""Which programs exchange themselves: those that are one program file of a release. To others it is said what does."""

from aimx import built
from aimx.effects.running import Running
from aimx.errors import Refused
from aimx.provision import origin

_BY = {"pipx": "pipx", "uv": "uv", "venv": "pip", "pip": "pip"}


def check(running: Running) -> None:
    """Raises: Refused, naming how this program was installed and what upgrades it."""
    found = origin.origin(running)
    if found.kind == "bundle":
        if not built.KEYS or not built.TAG:
            raise Refused("this aimx is no release: it knows no key that a release is signed with")
        if found.prefix.endswith(".prev"):
            raise Refused(f"{found.prefix} is the program of before the last upgrade; move it back to its name first")
        return
    if found.kind == "deb":
        package = found.renew.rpartition("/")[2]
        raise Refused(f"this aimx is a Debian package: fetch {package} of the new version, then run `{found.renew}`")
    if found.kind == "checkout":
        raise Refused(f"this aimx runs from a checkout: renew that (`{found.renew}`), then restart the service")
    how = f"installed by {_BY[found.kind]} in {found.prefix}"
    raise Refused(f"this aimx was {how}: renew it there (`{found.renew}`), then restart the service")
