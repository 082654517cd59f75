"""The files of an agent's bundle, put together from the texts below `agents/`. Reads those, writes nothing.

Every bundle carries a stamp: the version of aimx and a digest of its own text, so that an old one is seen to be old.
"""

import hashlib
import re
from functools import lru_cache

from aimx.effects.build import build
from aimx.integrations import recipe
from aimx.integrations.api import File, Program
from aimx.integrations.registry import BUNDLES, Agent

NAME = "aimx"  # what is in every text of ours
PRIMER = BUNDLES / "common/aimx-primer.md"
REFERENCES = ("mcp-tools", "frontmatter", "workflows", "hooks", "troubleshooting")
_LINK = re.compile(r"\]\(references/([a-z-]+)\.md\)")
_HEADING = re.compile(r"^(#{1,5}) ", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_MARK = "aimx-bundle: "
_STAMP = re.compile(rf"{_MARK}(\S+ [0-9a-f]{{12}})")


def main_file(agent: Agent) -> str:
    """The name of the file that makes an agent know of us."""
    return "aimx.yaml" if agent.files.shape == "recipe" else "SKILL.md"


def names(agent: Agent) -> tuple[str, ...]:
    """The paths of all files of a bundle, the main file first."""
    beside = REFERENCES if agent.files.references == "beside" else ()
    return (main_file(agent), *(f"references/{name}.md" for name in beside))


def files(agent: Agent, program: Program) -> tuple[File, ...]:
    """What is installed for an agent, the main file first."""
    body, beside = _body(agent)
    mark = _MARK + stamp(agent)
    if agent.files.shape == "recipe":
        return (File(main_file(agent), recipe.text(body, program, mark)),)
    return (File(main_file(agent), f"{body}\n<!-- {mark} -->\n"), *beside)


@lru_cache(maxsize=16)
def stamp(agent: Agent) -> str:
    """What marks a bundle of this version."""
    body, beside = _body(agent)
    digest = hashlib.sha256("\0".join((body, *(file.text for file in beside))).encode()).hexdigest()
    return f"{build().tag} {digest[:12]}"


def version_of(text: str) -> str | None:
    """The stamp in the text of a main file, None without one."""
    found = _STAMP.search(text)
    return found.group(1) if found is not None else None


def _body(agent: Agent) -> tuple[str, tuple[File, ...]]:
    """The text of the main file without its stamp, and the files beside it."""
    header = (BUNDLES / agent.name / "header.md").read_text("utf-8")
    primer = PRIMER.read_text("utf-8")
    references = {name: (PRIMER.parent / f"references/{name}.md").read_text("utf-8") for name in REFERENCES}
    if agent.files.references == "beside":
        return f"{header}\n{primer}", tuple(File(f"references/{name}.md", text) for name, text in references.items())
    inlined = "\n".join(f'<a id="{name}"></a>\n\n{_demoted(text)}' for name, text in references.items())
    return f"{header}\n{_linked(primer)}\n{_linked(inlined)}", ()


def _linked(text: str) -> str:
    """Links to the files of references as links to the sections that they have become."""
    return _LINK.sub(r"](#\1)", text)


def _demoted(text: str) -> str:
    """Headings one level down, those in code left alone."""
    parts, at = [], 0
    for fence in _FENCED.finditer(text):
        parts += [_HEADING.sub(r"#\1 ", text[at : fence.start()]), fence.group()]
        at = fence.end()
    return "".join((*parts, _HEADING.sub(r"#\1 ", text[at:])))
