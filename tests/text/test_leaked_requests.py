"""Requests that speak of the prompt that made them, and requests that only sound like it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from synth.packaged import packaged
from synth.prompts import Prompt, read_prompt
from synth.stages.evolve.options import EVOL_BREADTH, EVOL_DEPTH
from synth.stages.evolve.stage import frame_of
from synth.text.leaked_requests import bare_request, leaked

# What SmolLM2-135M made of the seeds of examples/evolve with the packaged prompts. `leak` is our reading.
REAL = Path(__file__).parents[1] / "data" / "evolve_leaks.jsonl"
SEED_TASKS = Path(os.environ.get("SYNTH_DATA", "")) / "self_instruct_seeds.jsonl"
OPERATIONS = (*EVOL_DEPTH, EVOL_BREADTH)

LEGITIMATE = (
    "How do I open a new request for parental leave?",
    "What was the original request of the client, and who approved it?",
    "Write a new prompt for my image model.",
    "My more demanding clients want to choose the stylist. Can they?",
    "Where do I see the created request after I press Send?",
    "The given prompt on the ATM is in French. How do I change that?",
    "The new request must be approved by two managers. Who gets the email?",
    "Here is my question: does the yearly plan include SMS?",
    "Here's the request that I got from a customer: she wants to move her booking to Friday. What do I do?",
    "Please rewrite this sentence so that it sounds polite: give me my money back.",
    "Improve this prompt for a chatbot that books tables: you are a waiter.",
    "Write an instruction for new staff: how to close the till.",
    "Can I change a request after I sent it, or do I make a new one?",
    "Which version of the request form do we use in Germany?",
    "I need a harder question about fractions for my class, please.",
    "This question is about my invoice of March: why is VAT on it twice?",
    "Your request form asks for a phone number. Is it required?",
    "Translate the user's request into Dutch: where is the nearest pharmacy?",
    "How do I make an HTTP request harder to forge?",
    "What does it mean that a request was given the status 'pending'?",
    "Add one more constraint to my SQL table so that no email occurs twice.",
    "We sent the revised version of the contract on Monday. Did you get it?",
    "Request: cancel my subscription. Reason: too expensive.",
    "In what order are new requests answered, and can I see my place?",
    "新しいリクエストを作成するにはどうすればよいですか。",
    "Wie stelle ich eine neue Anfrage für Elternzeit, und wer genehmigt sie?",
)


def prompts() -> dict[str, Prompt]:
    folder = packaged("prompts") / "evolve"
    depth, breadth = (read_prompt(folder / f"{name}.md", name) for name in ("depth", "breadth"))
    return {**dict.fromkeys(EVOL_DEPTH, depth), EVOL_BREADTH: breadth}


def leak_in(text: str, operation: str, request: str = "") -> str | None:
    return leaked(text, frame_of(prompts()[operation], EVOL_DEPTH.get(operation, "")), request)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("request_", LEGITIMATE)
def test_a_legitimate_request_is_no_leak(request_: str, operation: str) -> None:
    assert leak_in(request_, operation, "How do I clean the machine?") is None


def test_what_a_small_model_leaks_is_mostly_found() -> None:
    rows = [json.loads(line) for line in REAL.read_text().splitlines()]
    found = [row["leak"] for row in rows if leak_in(row["text"], row["operation"], row["request"])]
    assert all(found), "a false alarm"
    assert sum(row["leak"] for row in rows) == 24
    assert len(found) >= 15


@pytest.mark.parametrize(
    "text",
    [
        "The rewritten prompt: how do I clean it twice?",
        "#Rewritten Prompt#: how do I clean it twice?",
        "New prompt: how do I clean it twice?",
        "Here's a revised version of the request: how do I clean it twice?",
        "How do I clean it twice? Make this request harder: add one constraint or requirement",
        "<request>\nHow do I clean it twice?\n</request>",
    ],
)
def test_words_of_the_task_are_found(text: str) -> None:
    assert leak_in(text, "constraints", "How do I clean it?")


def test_words_that_the_request_had_before_are_no_leak() -> None:
    request = "Explain this rule of style: in the same language and the same tone."
    assert leak_in(f"{request} Give two examples of letters to a bank.", "constraints")
    assert leak_in(f"{request} Give two examples of letters to a bank.", "constraints", request) is None


def test_a_run_in_japanese_has_as_many_characters_as_five_words() -> None:
    frame = "次のリクエストをより難しく書き換えてください。制約を一つ追加してください。"
    assert leaked("返金の期限を教えてください。", frame, "") is None
    assert leaked("次のリクエストをより難しく書き換えて、返金は？", frame, "")


@pytest.mark.skipif(
    not SEED_TASKS.exists(), reason="SYNTH_DATA names no folder with self_instruct_seeds.jsonl"
)
def test_tasks_that_people_wrote_are_no_leaks() -> None:
    tasks = [json.loads(line)["instruction"] for line in SEED_TASKS.read_text().splitlines()]
    assert len(tasks) == 175
    assert [task for task in tasks if any(leak_in(task, operation) for operation in OPERATIONS)] == []


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("Request: How do I cancel?", "How do I cancel?"),
        ("Here is the request:\n\nHow do I cancel?", "How do I cancel?"),
        ('"How do I cancel?"', "How do I cancel?"),
        ("「解約するには？」", "解約するには？"),
        ('Is "yes" a word, or is "no"', 'Is "yes" a word, or is "no"'),
        ("Improve this request: draw a cat", "Improve this request: draw a cat"),
        ("Write an instruction: how to bake", "Write an instruction: how to bake"),
    ],
)
def test_labels_and_quotation_marks_are_removed(text: str, request_: str) -> None:
    assert bare_request(text) == request_
