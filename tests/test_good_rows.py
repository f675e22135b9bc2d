"""docs/what-good-looks-like.md is true: its quotes are in the documents, and the rules do what it shows."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

from synth.text.similarity.near_duplicates import NearDuplicateIndex
from synth.text.standardise.options import Options
from synth.text.standardise.standard_form import standardise

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "what-good-looks-like.md").read_text("utf-8")
DOCUMENTS = " ".join(file.read_text("utf-8") for file in (ROOT / "examples/support/documents").glob("*.md"))


def test_the_rows_are_numbered_and_each_says_why_it_is_good() -> None:
    numbers = [int(number) for number in re.findall(r"^\*\*(\d+)\. ", PAGE, re.MULTILINE)]
    assert numbers == list(range(1, 24))
    assert PAGE.startswith("# What good looks like\n\nTwenty-three rows")
    for row in re.split(r"^\*\*\d+\. ", PAGE, flags=re.MULTILINE)[1:]:
        assert "Good" in row or "*Less* became *more*" in row, row


def test_quotes_and_passages_stand_in_the_documents_word_for_word() -> None:
    quotes = re.findall(r'Quote: "([^"]+)"', PAGE)
    passages = re.findall(r"\*(?:The passage|Passage \d):\* (.+)", PAGE)
    assert (len(quotes), len(passages)) == (3, 3)
    for text in (*quotes, *(part for passage in passages for part in passage.split(" [...]"))):
        assert text.strip() in DOCUMENTS, text


def test_menus_of_good_rows_exist_and_those_of_bad_ones_do_not() -> None:
    facts = DOCUMENTS + (ROOT / "examples/support/facts.md").read_text("utf-8")
    for line in PAGE.splitlines():
        for menu in re.findall(r"\*\*(\w[\w ]* > [\w >]+)\*\*", line):
            assert (menu in facts) is not line.startswith("> *Bad"), menu


def test_standardise_does_what_is_shown() -> None:
    shown = json.loads(re.findall(r'^\{"before".+', PAGE, re.MULTILINE)[0])
    assert standardise(shown["before"], Options(), role="answer").text == shown["after"]
    without = standardise(shown["before"], Options(closer=True), role="answer").text
    assert without == shown["after"].partition("\n\n")[0]


def test_dedupe_tells_the_copy_from_the_other_question() -> None:
    copy, other = re.findall(r"^> (How do I cancel .+?\?) · (.+\?) \(", PAGE, re.MULTILINE)
    seen = NearDuplicateIndex()
    seen.add(copy[0])
    assert seen.seen(copy[1])
    assert not seen.seen(other[1])


def test_sql_and_json_are_those_of_the_examples() -> None:
    [sql] = re.findall(r"```sql\n(.+)\n```", PAGE)
    with (ROOT / "examples/text-to-sql/questions.csv").open(encoding="utf-8", newline="") as file:
        assert sql in {row["query"] for row in csv.DictReader(file)}
    seeds = (ROOT / "examples/support/seeds.jsonl").read_text("utf-8")
    [label] = re.findall(r'^\{"category".+', PAGE, re.MULTILINE)
    assert label in {json.loads(line).get("response") for line in seeds.splitlines()}
    rows = (ROOT / "examples/finetune/seeds.jsonl").read_text("utf-8").splitlines()
    answers = {row["instruction"]: row["response"] for row in map(json.loads, rows)}
    [(message, answer)] = re.findall(r"^> (Hello, small thing.+)\n>\n> (\S+)$", PAGE, re.MULTILINE)
    assert answers[message] == answer
