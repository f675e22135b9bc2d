"""The local Argilla's page in a real browser, from signing in to a decision.

`SCREENSHOTS=FOLDER` keeps pictures of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synth.review.server import LocalServer
from tests.review.local_argilla import serving

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
rg = pytest.importorskip("argilla", reason="needs the argilla client")

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MARKUP = (
    "Where is my parcel? <script>window.harmed = 1</script> <img src=x onerror='window.harmed = 2'> "
    "[click me](javascript:window.harmed=3) ![pixel](http://192.0.2.1/pixel.png) <iframe src='http://192.0.2.1/'>"
    "</iframe> <a href='#' onclick='window.harmed = 4'>here</a> <form action='http://192.0.2.1/'><input></form>"
)
DRAFTS = {
    "reset": (
        "How do I reset my password?",
        "Open **Settings**, choose *Security*, then press Reset.",
        "generate",
    ),
    "invoice": ("The invoice for March is wrong. What now?", "Write to billing with the number.", "generate"),
    "export": ("Can I export my zebra pictures?", "Yes: Pictures, Export all.", "paraphrase"),
    "parcel": (MARKUP, "It is on its way. <script>window.harmed = 5</script> " + MARKUP, "respond"),
    "cancel": (
        "I want to cancel my plan today.",
        "Settings, Plan, Cancel. " + "very long " * 3000,
        "respond",
    ),
}

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"needs {CHROMIUM}"),
    pytest.mark.filterwarnings("default"),  # the argilla client's own
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with serving(tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture(scope="module")
def dataset(server: LocalServer) -> Any:
    client = rg.Argilla(api_url=server.url, api_key=server.api_key)
    settings = rg.Settings(
        guidelines="# Is this an answer you would give?\n\nCorrect what is wrong.",
        fields=[rg.TextField("instruction", use_markdown=True)],
        questions=[
            rg.TextQuestion("response", use_markdown=True),
            rg.RatingQuestion("quality", values=[1, 2, 3, 4, 5]),
        ],
        metadata=[rg.TermsMetadataProperty("stage"), rg.FloatMetadataProperty("score")],
        vectors=[rg.VectorField("meaning", dimensions=2)],
    )
    made = rg.Dataset("support", workspace="argilla", settings=settings, client=client).create()
    records = [
        rg.Record(
            id=name,
            fields={"instruction": instruction},
            metadata={"stage": stage, "score": 1.0 + index},
            suggestions=[rg.Suggestion("response", draft, agent="writer", score=0.5)],
            vectors={"meaning": [1.0, float(index)]},
        )
        for index, (name, (instruction, draft, stage)) in enumerate(DRAFTS.items())
    ]
    made.records.log(records)
    return made


@pytest.fixture(scope="module")
def page(server: LocalServer) -> Iterator[Any]:
    """Signed in as the owner; `requested` and `dialogs` note what the page asked for."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(30_000)
        page.goto(server.url)
        page.fill("input[name=username], input[type=text]", server.username)
        page.fill("input[type=password]", server.password)
        page.click("button[type=submit]")
        page.get_by_text("Home").first.wait_for()
        yield page
        browser.close()


def keep(page: Any, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def open_list(page: Any, server: LocalServer, dataset: Any, status: str = "pending") -> None:
    page.goto(f"{server.url}/dataset/{dataset.id}/annotation-mode?page=1&status={status}")
    page.locator(".record").first.wait_for()


def wait_for_record(page: Any, words: str) -> None:
    page.wait_for_function("words => document.querySelector('.fields')?.innerText.includes(words)", arg=words)


def total(page: Any) -> int:
    label = page.get_by_label("Total Records")
    label.wait_for()
    return int(re.sub(r"\D", "", label.inner_text()))


def answers(server: LocalServer, dataset: Any) -> dict[str, Any]:
    found = {}
    for record in dataset.records(with_responses=True):
        for response in record.responses:
            found.setdefault(record.id, {})[response.question_name] = (response.value, response.status.value)
    return found


def search(page: Any, word: str) -> None:
    page.click(".search-area__icon")
    page.get_by_role("search").fill(word)
    page.keyboard.press("Enter")
    wait_for_record(page, word)


def test_a_word_is_searched_and_a_draft_edited_rated_and_submitted(
    page: Any, server: LocalServer, dataset: Any
) -> None:
    open_list(page, server, dataset)
    assert total(page) == len(DRAFTS)
    search(page, "password")
    assert total(page) == 1
    editor = page.locator("[aria-label='Question: response']")
    editor.click()
    box = editor.locator("textarea, [contenteditable=true]").first
    box.wait_for()
    box.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("Settings, Security, Reset. You get a mail.")
    page.locator("label[for=quality_4]").click()
    keep(page, "argilla-edit")
    page.locator("button.button--submit").click()
    page.wait_for_function("!document.querySelector('.fields')?.innerText.includes('password')")
    given = answers(server, dataset)["reset"]
    assert given == {
        "response": ("Settings, Security, Reset. You get a mail.", "submitted"),
        "quality": (4, "submitted"),
    }


def test_one_is_rejected(page: Any, server: LocalServer, dataset: Any) -> None:
    open_list(page, server, dataset)
    search(page, "invoice")
    with page.expect_response(lambda answer: "/responses" in answer.url and answer.request.method == "POST"):
        page.locator("button.button--discard").click()
    open_list(page, server, dataset, status="discarded")
    wait_for_record(page, "invoice")
    assert total(page) == 1


def test_metadata_filters_the_list(page: Any, server: LocalServer, dataset: Any) -> None:
    open_list(page, server, dataset)
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("button", name="Metadata").first.click()
    page.get_by_text("stage", exact=True).first.click()
    page.locator(".labels-selector__item", has_text="paraphrase").locator("label").click()
    page.mouse.click(640, 600)
    wait_for_record(page, "zebra")
    assert total(page) == 1
    keep(page, "argilla-filter")


def test_similar_records_are_found(page: Any, server: LocalServer, dataset: Any) -> None:
    open_list(page, server, dataset)
    with page.expect_response(lambda answer: answer.url.split("?")[0].endswith("/records/search")) as found:
        page.get_by_role("button", name="Find similar").first.click()
    result = found.value
    assert result.status == 200
    scores = [item["query_score"] for item in result.json()["items"]]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 2
    page.wait_for_url("**similarity=**")


def test_markup_in_a_draft_does_nothing(page: Any, server: LocalServer, dataset: Any) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("requestfailed", lambda request: requested.remove(request.url))
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    open_list(page, server, dataset)
    search(page, "parcel")
    links = page.locator(".record a, .questions a")
    assert links.evaluate_all("found => found.map(one => one.click()).length") >= 2
    # Argilla lets a form through; what is typed into it must not leave.
    page.locator(".record form").evaluate_all("found => found.forEach(one => one.submit())")
    page.wait_for_timeout(1000)
    assert page.evaluate("window.harmed") is None
    assert page.url.startswith(server.url)
    assert [url for url in requested if "192.0.2.1" in url] == []
    assert not dialogs
    assert page.locator(".record iframe, .record script, .questions iframe, .questions script").count() == 0


def test_a_huge_text_is_shown(page: Any, server: LocalServer, dataset: Any) -> None:
    open_list(page, server, dataset)
    search(page, "cancel")
    assert page.locator("[aria-label='Question: response']").inner_text().count("very long") == 3000
