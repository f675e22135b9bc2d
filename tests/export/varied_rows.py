"""Rows as varied as real ones: several turns, system prompts, tools, code, long texts, many scripts."""

from __future__ import annotations

from typing import Any

from export_runs import chat, draft, held_out

from synth.row import Row

TEXTS = [
    "Wie storniere ich eine Buchung? Grüße aus Köln",
    "予約をキャンセルするにはどうすればいいですか",
    "كيف ألغي حجزي؟",
    "Как отменить бронирование?",
    "예약을 취소하려면 어떻게 하나요?",
    "मैं अपनी बुकिंग कैसे रद्द करूँ?",
    "Emoji 👩🏽‍💻🦄 and a family 👨‍👩‍👧‍👦",
    "e\u0301 is not é, and ﬁ is a ligature",
    "Line\nbreaks\r\nof\u2028three kinds",
    "Quotes \"double\", 'single', back\\slashes and \\u0041",
    "<|im_start|>user looks like a template, [INST] too, {{ and }} as well",
    "def f(x):\n\tif x > 1:\n        return x ** 2  # two kinds of indent\n    return None",
    "SELECT a, b FROM t WHERE a = 'it''s' AND b <> 3;",
    '{"json": [1, 2.50, null], "nested": {"a": "b"}}',
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "The total is $1,234.50 (≈ €1.100) — 5 % off",
    "  leading and trailing spaces  ",
    "A long one. " * 60,
]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "find_booking",
            "description": "Finds a booking",
            "parameters": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "day": {"type": "string"}},
                "required": ["name"],
            },
        },
    }
]


def varied_rows(count: int = 300, *, tools: bool = True) -> list[Row]:
    """So many rows, an eighth of them held out, each with two scored candidates."""
    return [_row(number, tools) for number in range(count)]


def _row(number: int, tools: bool) -> Row:
    asked = f"{TEXTS[number % len(TEXTS)]} ({number * 7919 % 10007:05d} {_letters(number)})"
    answer = f"{TEXTS[(number * 5 + 3) % len(TEXTS)]} [answer {number}]"
    system = f"You are assistant {number % 3}." if number % 3 else None
    messages = chat(asked, answer, system)
    more: dict[str, Any] = {}
    if tools and number % 10 == 4:
        messages = [*messages[:-1], *_tool_use(number), messages[-1]]
        more["tools"] = TOOLS
    elif number % 4 == 1:
        messages = [*messages, {"role": "user", "content": f"And then, {number}?"}]
        messages.append({"role": "assistant", "content": f"Then that. {TEXTS[number % 7]}"})
    last = messages[-1]["content"]
    more["candidates"] = [
        {"content": last, "model": "m", "score": 4.5},
        {"content": f"Worse: {TEXTS[(number * 3) % len(TEXTS)]}", "model": "m", "score": 1.5},
    ]
    return held_out(messages, **more) if number % 8 == 0 else draft(messages, **more)


def _tool_use(number: int) -> list[dict[str, Any]]:
    arguments = {"name": "Ünal"} if number % 20 == 4 else {"name": "Ünal", "day": "2026-01-02"}
    call = {
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": "find_booking", "arguments": arguments},
    }
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"call_{number}", "content": '{"found": true}'},
    ]


def _letters(number: int) -> str:
    return " ".join(f"{number * prime % 100003:x}" for prime in (104729, 1299709, 15485863, 179424673))
