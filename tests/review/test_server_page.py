"""The local Argilla's page in a real browser, from `synth review push` to `synth review pull`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("argilla", reason="needs the argilla client")
pytest.importorskip("wordllama", reason="needs wordllama")

import synth
from synth.cli import main
from synth.llm.base import Json
from synth.review.local_argilla import LocalServer
from tests.review.argilla_circle import journaled_answers
from tests.review.argilla_page import CHROMIUM, AnnotatorsPage, chromium
from tests.review.local_argilla import serving
from tests.review.support_run import DRAFTS, write_support

ELSEWHERE = "192.0.2.1"
MARKUP = (
    "Where is my parcel? <script>window.harmed = 1</script> <img src=x onerror='window.harmed = 2'> "
    f"[click me](javascript:window.harmed=3) ![pixel](http://{ELSEWHERE}/pixel.png) "
    f"<iframe src='http://{ELSEWHERE}/'></iframe> <a href='#' onclick='window.harmed = 4'>here</a> "
    f"<form action='http://{ELSEWHERE}/'><input></form> <svg onload='window.harmed = 5'></svg>"
)
FIXED = "position: fixed; inset: 0; width: 100vw; height: 100vh; z-index: 99999"
COVER = f"<a id='cover' href='http://{ELSEWHERE}/' style='{FIXED}'>Click anywhere</a>"
COVER += "<style>.questions { display: none } html { filter: invert(1) }</style>"
HUGE = "very long " * 3000 + "x" * 20_000
HARMFUL = {
    MARKUP: "It is on its way. <script>window.harmed = 6</script> <b onmouseover='window.harmed = 7'>now</b> "
    + MARKUP,
    "What are your terms?": HUGE,
    "Where is the cover?": COVER,
}

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt-get install chromium)"),
    pytest.mark.filterwarnings("default"),  # the argilla client's own
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the user keeps data: by this, push and pull find the server."""
    made = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(made))
        yield made


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[LocalServer]:
    with serving(home) as made:
        yield made


@pytest.fixture(scope="module")
def recipe(server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a finished run."""
    made = write_support(tmp_path_factory.mktemp("support"), HARMFUL)
    assert said("run", str(made))["accepted"] == len(DRAFTS) + len(HARMFUL) + 1
    return made


@pytest.fixture(scope="module")
def run(recipe: Path) -> Path:
    return recipe.parent / "runs" / "support"


@pytest.fixture(scope="module")
def ann(server: LocalServer, recipe: Path) -> Iterator[AnnotatorsPage]:
    """An annotator's browser, signed in with the password that `push` printed."""
    pushed = said("review", "push", str(recipe), "--user", "ann")
    assert pushed["refused"] == []
    with chromium() as page:
        annotator = AnnotatorsPage(page, server.url)
        annotator.sign_in("ann", pushed["users"][0]["password"])
        yield annotator


def said(*arguments: str) -> Any:
    """What a command prints with `--json`, in a process of its own as a user starts it."""
    command = [sys.executable, "-m", "synth", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def row_that_asks(run: Path, request: str) -> Json:
    (row,) = [row for row in synth.open(run).rows(status="kept") if row["messages"][0]["content"] == request]
    return row


def test_what_people_do_on_the_page_is_what_pull_brings(
    ann: AnnotatorsPage, recipe: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited, rejected, accepted = (
        row_that_asks(run, next(asked for asked in DRAFTS if word in asked))["id"]
        for word in ("password", "invoice", "reminders")
    )
    ann.open("support")
    everything = ann.total
    ann.search("password")
    ann.wait_for_total(1)
    ann.write("response", "Settings, Security, Reset. You get a mail.")
    ann.rate("quality", 4)
    ann.keep("argilla-edit")
    ann.submit()
    ann.open("support")
    ann.search("invoice")
    ann.tick("It says something false")
    ann.discard()
    ann.open("support")
    ann.search("reminders")
    ann.rate("quality", 5)
    ann.submit()
    ann.open("support")
    ann.wait_for_total(everything - 3)

    pulled = said("review", "pull", str(recipe))
    assert (pulled["new"], pulled["answers"]) == (3, 3)
    assert {(a["row"], a["by"], a["status"], json.dumps(a["values"])) for a in journaled_answers(run)} == {
        (edited, "ann", "submitted", json.dumps(
            {"quality": 4, "response": "Settings, Security, Reset. You get a mail."})),
        (rejected, "ann", "discarded", json.dumps({"reasons": ["wrong"], "response": _draft("invoice")})),
        (accepted, "ann", "submitted", json.dumps({"quality": 5, "response": _draft("reminders")})),
    }  # fmt: skip
    statuses = {row["id"]: row["review"]["status"] for row in synth.open(run).rows()}
    assert [statuses[row] for row in (edited, rejected, accepted)] == ["edited", "rejected", "accepted"]
    shown = shown_by_command(run, edited, capsys)
    for words in ("edited by ann", "Settings, Security, Reset. You get a mail.", "choose *Security*"):
        assert words in shown
    assert "rejected by ann" in shown_by_command(run, rejected, capsys)


def _draft(word: str) -> str:
    return next(answer for asked, answer in DRAFTS.items() if word in asked)


def shown_by_command(run: Path, row: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main(["show", str(run), row])
    return capsys.readouterr().out


def test_metadata_filters_the_list(ann: AnnotatorsPage) -> None:
    ann.open("support")
    ann.filter_by("Made by", "paraphrase")
    ann.wait_for_total(1)
    ann.wait_for_record("Is it possible to export my zebra pictures?")
    ann.keep("argilla-filter")


def test_similar_records_are_found(ann: AnnotatorsPage) -> None:
    ann.open("support")
    others = ann.total - 1
    found = ann.find_similar()
    scores = [item["query_score"] for item in found]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == others
    ann.wait_for_record(found[0]["record"]["fields"]["prompt"][0]["content"][:12])
    ann.keep("argilla-similar")


def test_annotators_see_guidelines_and_titles(ann: AnnotatorsPage) -> None:
    ann.open("support")
    assert "Would you give this answer?" in ann.guidelines()
    shown = ann.page.locator(".record").first.inner_text() + ann.page.locator(".questions").inner_text()
    for title in ("What was asked", "The answer", "How good was the draft, before you touched it?"):
        assert title in shown


def test_markup_in_a_draft_does_nothing(ann: AnnotatorsPage, server: LocalServer) -> None:
    page = ann.page
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    refused: set[str] = set()
    page.on("requestfailed", lambda request: refused.add(request.url))
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    ann.open("support")
    ann.search("parcel")
    ann.keep("markup")
    page.locator(".questions b").first.hover()
    links = page.locator(".record a, .questions a")
    assert links.evaluate_all("found => found.map(one => one.click()).length") >= 1
    # Argilla lets a form through in Markdown; what is typed into it must not leave.
    page.locator(".record form, .questions form form").evaluate_all(
        "found => found.forEach(one => one.submit())"
    )
    page.wait_for_timeout(1000)
    assert page.evaluate("window.harmed") is None
    assert page.url.startswith(server.url)
    assert [url for url in requested if ELSEWHERE in url and url not in refused] == []
    assert not dialogs
    assert page.locator(".record iframe, .record script, .questions iframe, .questions script").count() == 0


def test_a_draft_stays_in_its_box_and_its_links_ask_first(ann: AnnotatorsPage, server: LocalServer) -> None:
    page = ann.page
    ann.open("support")
    ann.search("cover")
    page.locator("#cover").first.wait_for()
    ann.keep("cover")
    assert page.evaluate("getComputedStyle(document.documentElement).filter") == "none"
    submit = page.get_by_role("button", name="Submit").first.bounding_box()
    on_top = "([x, y]) => document.elementFromPoint(x, y).closest('#cover') === null"
    assert page.evaluate(on_top, [submit["x"] + submit["width"] / 2, submit["y"] + submit["height"] / 2])
    assert page.evaluate(on_top, [20, 20])
    asked: list[str] = []
    opened: list[Any] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.context.on("page", lambda made: opened.append(made))
    for button in ("left", "middle"):
        page.locator("#cover").first.click(button=button, position={"x": 5, "y": 5})
    page.wait_for_timeout(500)
    assert asked == [f"Open another site?\n\nhttp://{ELSEWHERE}/"] * 2
    assert not opened
    assert page.url.startswith(server.url)


def test_the_page_sends_nothing_to_other_hosts(ann: AnnotatorsPage, server: LocalServer) -> None:
    sent: list[str] = []
    ann.page.on("requestfinished", lambda request: sent.append(request.url))
    blocked: dict[str, str] = {}
    ann.page.on("requestfailed", lambda request: blocked.update({request.url: request.failure}))
    ann.open("support")
    ann.page.wait_for_timeout(1000)
    assert any(url.startswith(server.url) for url in sent)
    assert [url for url in sent if not url.startswith((server.url, "data:", "blob:"))] == []
    # The policy refuses them in the browser: nothing leaves it.
    elsewhere = {url: why for url, why in blocked.items() if not url.startswith(server.url)}
    assert set(elsewhere.values()) <= {"csp"}


def test_what_was_asked_is_shown_to_the_letter(ann: AnnotatorsPage) -> None:
    """Argilla's page would take it for HTML."""
    ann.open("support")
    ann.search("parcel")
    assert MARKUP in ann.page.locator(".record").first.inner_text()
    assert ann.page.locator(".record img, .record form, .record svg[onload]").count() == 0


def test_no_text_runs_as_a_script_of_the_page(ann: AnnotatorsPage) -> None:
    """Whatever another client's records hold: handlers that come with a text are refused by the policy."""
    ann.open("support")
    ran = ann.page.evaluate(
        """async () => {
            const text = document.createElement("div")
            text.innerHTML = "<img src=x onerror='window.handled = 1'>"
            document.body.append(text)
            await new Promise(done => setTimeout(done, 1000))
            return window.handled
        }"""
    )
    assert ran is None


def test_a_huge_text_is_shown(ann: AnnotatorsPage) -> None:
    ann.open("support")
    ann.search("terms")
    answer = ann.question("response")
    assert answer.inner_text().count("very long") == 3000
    # One word of 20,000 letters pushes nothing off the page.
    assert answer.bounding_box()["width"] < 640
    ann.keep("huge")
