"""Argilla's page as an annotator uses it, in a real Chromium.

`SCREENSHOTS=FOLDER` keeps pictures of it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_LOADED = "words => document.querySelector('.fields')?.innerText.includes(words)"
_MILLISECONDS = 60_000


@contextmanager
def chromium() -> Iterator[Any]:
    """A page of a browser that was there before: playwright is never asked to fetch one."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM is not None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(_MILLISECONDS)
        yield page
        browser.close()


class AnnotatorsPage:
    """What somebody does on Argilla's page, step by step; each step waits until it is done."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self._url = url

    def sign_in(self, username: str, password: str) -> None:
        self.page.goto(self._url)
        self.page.fill("input[name=username], input[type=text]", username)
        self.page.fill("input[type=password]", password)
        self.page.click("button[type=submit]")
        self.page.get_by_text("Home").first.wait_for()

    def open(self, dataset: str, status: str = "pending") -> None:
        """From the list of datasets, by its name."""
        self.page.goto(self._url)
        self.page.get_by_text(dataset, exact=True).first.click()
        self.page.wait_for_url("**/annotation-mode**")
        if status != "pending":
            self.page.goto(re.sub(r"\?.*|$", f"?page=1&status={status}", self.page.url, count=1))
        self.page.locator(".record").first.wait_for()

    def wait_for_record(self, words: str) -> None:
        self.page.wait_for_function(_LOADED, arg=words)

    @property
    def total(self) -> int:
        """How many records the list holds, as the page says."""
        label = self.page.get_by_label("Total Records")
        label.wait_for()
        return int(re.sub(r"\D", "", label.inner_text()))

    def wait_for_total(self, count: int) -> None:
        """Waits until the page says that the list holds so many; the records may be in view before that."""
        label = self.page.get_by_label("Total Records").filter(has_text=re.compile(rf"^\D*{count}\D*$"))
        label.wait_for()

    def search(self, word: str) -> None:
        self.page.click(".search-area__icon")
        self.page.get_by_role("search").fill(word)
        self.page.keyboard.press("Enter")
        self.wait_for_record(word)

    def filter_by(self, title: str, value: str) -> None:
        """Chooses one value of a metadata property."""
        self.page.get_by_role("button", name="Filters").click()
        self.page.get_by_role("button", name="Metadata").first.click()
        self.page.get_by_text(title, exact=True).first.click()
        self.page.locator(".labels-selector__item", has_text=value).locator("label").click()
        self.page.mouse.click(640, 700)

    def find_similar(self) -> list[dict[str, Any]]:
        """What the server finds that is near the record in view, nearest first."""
        with self.page.expect_response(
            lambda answer: answer.url.split("?")[0].endswith("/records/search")
        ) as found:
            self.page.get_by_role("button", name="Find similar").first.click()
        self.page.wait_for_url("**similarity=**")
        items: list[dict[str, Any]] = found.value.json()["items"]
        return items

    def guidelines(self) -> str:
        """Opens the guidelines below the record, and closes them again."""
        handle = self.page.locator("p:has-text('Guidelines') >> visible=true").first
        handle.click()
        text = self.page.locator(".annotation-guidelines >> visible=true").first
        text.wait_for()
        said: str = text.inner_text()
        self.keep("guidelines")
        handle.click()
        return said

    def question(self, name: str) -> Any:
        return self.page.locator(f"[aria-label='Question: {name}']")

    def write(self, name: str, text: str) -> None:
        """Puts `text` in the place of what stands in a text question."""
        editor = self.question(name)
        editor.locator(".markdown-render, .content__text").first.click()
        box = editor.locator("textarea, [contenteditable=true]").first
        box.wait_for()
        box.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def rate(self, question: str, value: int) -> None:
        self.page.locator(f"label[for={question}_{value}]").click()

    def tick(self, label: str) -> None:
        """One label of a question that takes several."""
        self.page.locator(".questions label", has_text=label).first.click()

    def submit(self) -> None:
        self._decide("button.button--submit")

    def discard(self) -> None:
        self._decide("button.button--discard")

    def _decide(self, button: str) -> None:
        with self.page.expect_response(
            lambda answer: "/responses" in answer.url and answer.request.method in ("POST", "PUT")
        ) as saved:
            self.page.locator(button).click()
        assert saved.value.ok, saved.value.text()

    def keep(self, name: str) -> None:
        """A picture, where somebody asked for them."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png")
