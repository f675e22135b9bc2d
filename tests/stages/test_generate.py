"""The filters of `generate`, and the examples in its prompts."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from synth.conversation import Conversation, assistant_message, user_message
from synth.stages.asking import Unusable
from synth.stages.generate.filters import CopyFilter, InstructionFilter
from synth.stages.generate.options import GenerateOptions
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
        ("¿Cómo cambio la dirección de mi factura?", ANSWER, None),
        ("Öffnet ihr auch am Sonntag vor Ostern?", ANSWER, None),
        ("Übermorgen kommen zwölf Leute mehr zu uns.", ANSWER, None),
        ("「予約」ボタンを押しても何も起きないのはなぜですか", ANSWER, None),
        ("«Réserver» ne fait plus rien depuis hier", ANSWER, None),
        ("१२ लोगों के लिए मेज़ चाहिए", ANSWER, None),
        ("→ list all the calendars that I have", ANSWER, "odd_start"),
        ("» list all the calendars that I have", ANSWER, "odd_start"),
        ("🙂 list all the calendars that I have", ANSWER, "odd_start"),
        ("Write a program that books a table", ANSWER, "program"),
        ("Translate the next words into French", " \n", "empty"),
        ("Say this again in your own words", "Say this again in your own words", "echo"),
        ("How can I move my bookings there?", "Follow these steps:", "unfinished"),
        ("予約を別のカレンダーに移すにはどうすればいいですか", "次の手順に従ってください：", "unfinished"),
        ("Translate this into French.\n\nOpen the file and draw the map.", ANSWER, None),
        ("Sum this up.\n\n" + " ".join(f"word{n}" for n in range(200)), ANSWER, None),
        ("Sum up this file.\n\nThe post comes at noon.", ANSWER, "keyword"),
        ("Hi,\n\nwhere are my invoices?", ANSWER, None),
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
        ([seed("- list all my bookings of this year")], "- list all the calendars that I have", ANSWER),
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


COPIES = [
    seed("How do I cancel my plan at the end of the month?", "Open the settings, choose your plan, and press "
         "the button that cancels it; you keep it until the month ends."),
    seed("Can I get my money back for a course?", "Not from us. Ask the studio that sold the course, because "
         "each studio sets its own rules for that."),
    seed("Where do I see who paid?", "I cannot see your account, so I am handing this over to a person "
         "who writes to you today."),
    seed("Why was I charged twice?", "I cannot see your account, so I am handing this over to a person "
         "who writes to you today."),
]  # fmt: skip
TEMPLATE = "Rules for the new request: it is complete. {{ facts }} Write about {{ topic }} in one go."


def copied(request: str, answer: str | None) -> str | None:
    found = CopyFilter([TEMPLATE], COPIES).reason(request, answer)
    return f"{found[0]}: {found[1]}" if found else None


def test_a_seeds_answer_to_another_request_is_a_copy() -> None:
    nearly = (
        "Open the settings, choose your plan and press the button that cancels it: you keep it until it ends."
    )
    found = copied("How do I stop getting the newsletter?", nearly)
    assert found is not None
    assert found.startswith("copied_answer: ROUGE-L 0.9")
    own = "Open the settings, choose your newsletter, and take the tick out of the box for each letter."
    assert copied("How do I stop getting the newsletter?", own) is None
    # Requests alone have no answer to compare, and a label is no copy.
    assert copied("How do I stop getting the newsletter?", None) is None
    assert CopyFilter([], [seed("Is it a bug?", "no")]).reason("Is it late?", "no") is None


def test_an_answer_that_several_seeds_share_is_no_copy() -> None:
    assert copied("Where is my invoice of May?", COPIES[2].answer) is None


def test_the_prompts_own_words_are_a_leak() -> None:
    found = copied("Rules for the new request", "Yes.")
    assert found == "leaked: the request has the prompt's words 'rules for the new request'"
    assert copied("Where is it?", "The new request: it is complete.") is not None
    # Words of the values between them are no leak, and four words are no run.
    assert copied("Write about tanks in one go.", "It is complete. Tanks. Write about it.") is None


def test_words_that_a_seed_has_are_no_leak() -> None:
    seeds = [*COPIES, seed("Rules for the new request form?")]
    assert CopyFilter([TEMPLATE], seeds).reason("Rules for the new request", "Yes.") is None


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
