"""The one stylesheet of outbound mail, inlined per element by premailer (its only home, with lxml).

Mail clients drop <style>. Must never fetch anything: no base address, no external sheet, no network, no file.
"""

from functools import cache

from lxml import etree
from premailer import Premailer

# Guide, "Built-in stylesheet". A later rule wins over an earlier one for the same element.
_CSS = """
body { font-family: Helvetica, Arial, sans-serif; line-height: 1.55; max-width: 720px; padding: 16px; color: #222 }
h1 { font-size: 28px; line-height: 1.25; margin: 24px 0 12px }
h2 { font-size: 22px; line-height: 1.25; margin: 22px 0 10px }
h3 { font-size: 18px; line-height: 1.3; margin: 18px 0 8px }
h4 { font-size: 16px; line-height: 1.3; margin: 16px 0 8px }
p { margin: 0 0 12px }
ul, ol { margin: 0 0 12px; padding-left: 24px }
li { margin: 4px 0 }
a { color: #0b57d0; text-decoration: none }
code { font-family: Consolas, Menlo, monospace; font-size: 90%; background: #f3f4f6; padding: 2px 4px }
pre { font-family: Consolas, Menlo, monospace; background: #f3f4f6; padding: 12px; overflow: auto; margin: 0 0 12px }
pre > code { padding: 0 }
blockquote { border-left: 3px solid #d0d7de; color: #57606a; margin: 0 0 12px; padding: 0 12px }
table { border-collapse: collapse; margin: 0 0 12px }
th { border-bottom: 2px solid #d0d7de; padding: 6px 12px; text-align: left }
td { border-bottom: 1px solid #d8dee4; padding: 6px 12px }
th[align=center], td[align=center] { text-align: center }
th[align=right], td[align=right] { text-align: right }
hr { border: 0; border-top: 1px solid #d0d7de; margin: 24px 0 }
"""
Rules = tuple[list[tuple[tuple[int, ...], str, str]], list[str]]  # to inline, and left over
_HEAD = '<html><head><meta charset="utf-8" /></head><body>\n'
_TAIL = "</body></html>"
_VOID = ("br", "hr", "img", "meta")
# A cell's own align attribute says it already; the others are what the style says.
_NO_ATTRIBUTES = ["align", "valign", "bgcolor", "width", "height"]


def document(body: str) -> str:
    """A complete HTML document around the body, each element with its style.

    The body is well-formed XML, and what comes back is its canonical form: the same octets with every libxml2.
    """
    parser = etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(f"{_HEAD}{body}{_TAIL}".encode(), parser)
    _inliner().transform(root)
    canonical = etree.tostring(root, method="c14n").decode()
    for tag in _VOID:
        # No text holds `</`: a character `<` of a text is written as a reference.
        canonical = canonical.replace(f"></{tag}>", ">")
    return f"<!DOCTYPE html>\n{canonical}\n"


class _Inliner(Premailer):
    """Reads the stylesheet once, which takes longer than to use it: it is the same for every message."""

    def _parse_style_rules(self, css_body: str, _ruleset_index: int) -> Rules:
        return _rules(css_body)


@cache
def _rules(css: str) -> Rules:
    rules: Rules = Premailer(disable_validation=True)._parse_style_rules(css, 0)
    return rules


def _inliner() -> Premailer:
    return _Inliner(
        css_text=_CSS,
        allow_network=False,
        allow_loading_external_files=False,
        disable_basic_attributes=_NO_ATTRIBUTES,
        disable_leftover_css=True,
        disable_link_rewrites=True,
        disable_validation=True,
        align_floating_images=False,
        remove_unset_properties=False,
    )
