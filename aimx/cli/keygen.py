"""`aimx dkim-keygen`: the DKIM pair of a selector, and the record that the zone has to publish for it.

Never replaces a key unless told to, and never touches the pair of another selector.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

from aimx.cli import diagnostics, output
from aimx.config import load, paths, schema
from aimx.config.fields import Place
from aimx.effects import files, keyfiles
from aimx.errors import ConfigInvalid, Exit, Failed
from aimx.mailauth.sign import SigningKey
from aimx.model.config import Config
from aimx.provision import zonefile
from aimx.provision.records import Record


class Pair(NamedTuple):
    """What is on disk now. `created`: by this call. `replaced`: there was another one before."""

    key: SigningKey
    directory: Path
    created: bool
    replaced: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    """The guide's flags and --json."""
    parser.add_argument("--selector", metavar="NAME", help="DKIM selector (default: dkim_selector of config.toml)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing pair")
    parser.add_argument("--json", action="store_true", help="print the record as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Make the pair if need be, then print its record."""
    file = paths.config_file()
    config = load.load(file, None)
    selector = config.dkim_selector if options.selector is None else _selector(options.selector)
    try:
        pair = _pair(file.parent, config, selector, options.force)
    except OSError as error:
        where = str(error.filename or "")
        path = where if where.startswith("/") else str(file.parent / "dkim")
        hint = "keys belong to root: use sudo, or let AIMX_CONFIG_DIR name a directory of yours"
        raise Failed(f"{path}: {error.strerror}; {hint}") from error
    _tell(options, config, selector, pair)
    return Exit.OK


def _selector(text: str) -> str:
    usage = "aimx dkim-keygen [OPTIONS]"
    try:
        schema.TOP["dkim_selector"](Place("--selector"), text)
    except ConfigInvalid as error:
        raise diagnostics.wrong_usage(error.reason, usage) from None
    if text.lower() in (keyfiles.PRIVATE, keyfiles.PUBLIC):
        raise diagnostics.wrong_usage(f"--selector: {text} is what the files are called; use e.g. aimx2", usage)
    return text


def _pair(config_dir: Path, config: Config, selector: str, force: bool) -> Pair:
    """Raises: OSError; SignFailed when the key that is there is none."""
    directory = keyfiles.place(config_dir, selector)
    if selector.lower() != config.dkim_selector.lower():
        directory = keyfiles.own_place(config_dir, selector)  # never the pair that signs now
    if (directory / keyfiles.PRIVATE).exists() and not force:
        key = SigningKey(keyfiles.read(directory).pem)
        if keyfiles.public(directory) == key.public_pem:
            return Pair(key, directory, created=False, replaced=False)
    pem = keyfiles.generate()
    with keyfiles.opened(config_dir, None if directory == config_dir / "dkim" else selector) as fd:
        there = files.exists(fd, keyfiles.PRIVATE)  # looked at again, now that nobody else writes
        created = force or not there
        if created:
            keyfiles.replace(fd, keyfiles.PRIVATE, pem)
        key = SigningKey(keyfiles.read(directory).pem)
        keyfiles.replace(fd, keyfiles.PUBLIC, key.public_pem)
    return Pair(key, directory, created, replaced=there and created)


def _tell(options: argparse.Namespace, config: Config, selector: str, pair: Pair) -> None:
    name, value = f"{selector}._domainkey.{config.domain}", pair.key.record
    zone = zonefile.line(Record("TXT", name, value))
    if not pair.created:
        diagnostics.say(f"Warning: {pair.directory} holds a pair already; this is its record. --force makes a new one.")
    if options.json:
        told = {
            "selector": selector, "domain": config.domain, "name": name, "type": "TXT", "value": value, "zone": zone,
            "created": pair.created, "private_key": str(pair.directory / keyfiles.PRIVATE),
            "public_key": str(pair.directory / keyfiles.PUBLIC),
        }  # fmt: skip
        output.write(json.dumps(told))
        return
    output.write(f"Name:  {name}\nType:  TXT\nValue: {value}\nZone:  {zone}")
    if pair.created:
        diagnostics.say("\n".join(_next(config, selector, name, pair)))


def _next(config: Config, selector: str, name: str, pair: Pair) -> list[str]:
    lines = [f"New pair in {pair.directory}. Next:", f"  1. Publish the record above: dig +short TXT {name} shows it."]
    if selector.lower() != config.dkim_selector.lower():
        lines += [
            f'  2. Then write dkim_selector = "{selector}" in {paths.config_file()} and reload: systemctl reload aimx',
            f"  3. Leave the record of {config.dkim_selector} published for some days: mail on its way needs it.",
        ]
    else:
        lines += ["  2. Then reload: systemctl reload aimx. The daemon signs with the key it has loaded until then."]
    if pair.replaced:
        lines += ["The old key is gone. --selector NAME makes a pair beside it, for a change that no mail notices."]
    return lines
