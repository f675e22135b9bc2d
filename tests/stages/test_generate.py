"""The filters of `generate`, and the examples in its prompts."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from synth.conversation import Conversation, assistant_message, user_message
from synth.stages.asking import Unusable
from synth.stages.generate.options import GenerateOptions
from synth.stages.generate.stage import InstructionFilter
from synth.stages.structured_output import parse_object

ANSWER = "Open the settings and save them again."


def seed(request: str, answer: str = ANSWER) -> Conversation:
    return Conversation((user_message(request), assistant_message(answer)))


SEEDS = [seed("How can I change the address on my invoice?"), seed("What does the error BW-210 mean for me?")]


def reason(instruction: str, response: str = ANSWER, seeds: list[Conversation] | None = None) -> str | None:
    found = InstructionFilter(GenerateOptions(), SEEDS if seeds is None else seeds).reason(
        instruction, response
    )
    return found[0] if found else None


@pytest.mark.parametrize(
    ("instruction", "response", "expected"),
    [
        ("How can I move my bookings to another calendar?", ANSWER, None),
        ("Move my bookings", ANSWER, "too_short"),
        ("Move my bookings there", ANSWER, None),
        (" ".join(f"word{n}" for n in range(150)), ANSWER, None),
        (" ".join(f"word{n}" for n in range(151)), ANSWER, "too_long"),
        ("word " * 151, ANSWER, "too_long"),
        ("Please draw me a chart of all my bookings", ANSWER, "keyword"),
        ("Go to the page and read me the prices", ANSWER, "keyword"),
        ("I withdraw my last order, what happens now?", ANSWER, None),
        ("- list all the calendars that I have", ANSWER, "odd_start"),
        ("¿Cómo cambio la dirección de mi factura?", ANSWER, "odd_start"),
        ("Write a program that books a table", ANSWER, "program"),
        ("Translate the next words into French", " \n", "empty"),
        ("Say this again in your own words", "Say this again in your own words", "echo"),
        ("How can I move my bookings there?", "Follow these steps:", "unfinished"),
        ("How can I move my bookings there?", "It is very simple and very hard. " * 10, "looping"),
        ("I see what you see and I say what you say. " * 6, ANSWER, "looping"),
    ],
)
def test_filters(instruction: str, response: str, expected: str | None) -> None:
    assert reason(instruction, response) == expected


@pytest.mark.parametrize(
    ("seeds", "instruction", "response"),
    [
        ([seed("Refunds?")], "Reminders?", ANSWER),
        ([seed("word " * 200)], "word " * 151, ANSWER),
        ([seed("Which files can I upload to a booking?")], "Which files do you keep of mine?", ANSWER),
        ([seed("¿Dónde veo mis facturas de este año?")], "¿Cómo cambio la dirección de mi factura?", ANSWER),
        (
            [seed("Say it ten times, please", "As you like it, sir. " * 10)],
            "Say it again for me",
            "Oh well now. " * 10,
        ),
    ],
)
def test_a_rule_that_a_seed_breaks_is_not_held_against_a_draft(
    seeds: list[Conversation], instruction: str, response: str
) -> None:
    assert reason(instruction, response) is not None
    assert reason(instruction, response, seeds) is None


def test_a_bound_that_nothing_can_pass_is_refused() -> None:
    with pytest.raises(ValidationError, match="less than 1"):
        GenerateOptions(novelty=1.0)


SCHEMA = {
    "type": "object",
    "properties": {"instruction": {"type": "string"}},
    "required": ["instruction"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("around", ["{}", "Sure!\n```json\n{}\n```", "{} I hope that helps."])
def test_json_is_found_in_what_stands_around_it(around: str) -> None:
    text = around.replace("{}", json.dumps({"instruction": "Do it"}))
    assert parse_object(text, SCHEMA) == {"instruction": "Do it"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "unparsable"),
        ("I cannot do that.", "unparsable"),
        ('["a"]', "unparsable"),
        ('{"instruction": "Do', "unparsable"),
        ('{"instruction": 3}', "off_schema"),
        ('{"instruction": "Do it", "more": 1}', "off_schema"),
        ("{}", "off_schema"),
    ],
)
def test_what_does_not_parse_says_why(text: str, code: str) -> None:
    with pytest.raises(Unusable) as caught:
        parse_object(text, SCHEMA)
    assert caught.value.reason == code
