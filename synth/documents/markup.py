"""Reads HTML as Markdown: the text for readers, without menus, scripts and footers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

from bs4 import BeautifulSoup, Tag, XMLParsedAsHTMLWarning
from bs4.exceptions import ParserRejectedMarkup
from markdownify import MarkdownConverter

from synth.errors import SourceError

_NEVER_READ: Final = [
    *("script", "style", "noscript", "template", "svg", "iframe", "nav", "aside", "form", "button"),
    *("dialog", "canvas", "audio", "video", "object", "map"),
]
# Maximum tags of a page: each takes about 2 KiB of memory while it is parsed.
MOST_TAGS: Final = 100_000
_AROUND_A_PAGE: Final = ["header", "footer"]


def html_as_markdown(html: str, path: Path) -> str:
    """The main part of a page. Unclosed and wrongly closed tags are read as browsers read them.

    Raises `SourceError` if the page has no text.
    """
    tags = html.count("<")
    if tags > MOST_TAGS:
        raise SourceError(
            f"has {tags:,} tags; the maximum is {MOST_TAGS:,}.", where=str(path), hint="Split it."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
            soup = BeautifulSoup(html, "lxml")
        root = _main_part(soup)
        text = _converter().convert_soup(root)
    except RecursionError:
        raise SourceError("is nested too deeply.", where=str(path)) from None
    except ParserRejectedMarkup as error:
        raise SourceError(f"cannot be read as HTML: {error}.", where=str(path)) from None
    if not any(char.isalnum() for char in text):
        advice = "If JavaScript fills the page, save it as a browser shows it."
        raise SourceError(
            "contains no text.", where=str(path), hint=advice if "<script" in html.lower() else None
        )
    return str(text)


def _main_part(soup: BeautifulSoup) -> Tag:
    for tag in soup.find_all(_NEVER_READ):
        tag.decompose()
    for tag in soup.select("[hidden], [aria-hidden=true]"):
        tag.decompose()
    main = soup.find("main") or soup.select_one("[role=main]")
    articles = soup.find_all("article")
    root = main or (articles[0] if len(articles) == 1 else None)
    if isinstance(root, Tag) and root.get_text(strip=True):
        return root
    body = soup.body or soup
    for tag in body.find_all(_AROUND_A_PAGE):
        if not tag.find_parent("article"):
            tag.decompose()
    return body


def _converter() -> MarkdownConverter:
    return MarkdownConverter(
        heading_style="ATX", bullets="-", strip=["a", "img"],
        escape_asterisks=False, escape_underscores=False, escape_misc=False,
    )  # fmt: skip
