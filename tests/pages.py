"""Pages as a parser sees them, and names that no page may obey."""

from collections import Counter
from html.parser import HTMLParser

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    '" onload="alert(1)" x="',
    "' autofocus onfocus=alert(1) '",
    "javascript:alert(1)",
    "<style>*{display:none}</style>",
    "</title><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;",
    "$x$ _hidden",
    "=cmd|' /C calc'!A0",
)
CONTROL = "line\u2028break \u202eback \x1b[2J"


class Outline(HTMLParser):
    """Which tags and attributes a page has, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.text += " "
        self.names.update(name for name, _ in attrs)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def plain(text: str) -> str:
    """A text with single spaces."""
    return " ".join(text.split())
