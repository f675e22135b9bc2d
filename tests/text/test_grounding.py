"""Which facts of an answer are reported: planted cases, and answers and articles that were written for other
purposes, with their own facts and with facts of other articles.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from synth.text.grounding import unsupported_claims

SUPPORT = Path(__file__).parents[2] / "examples" / "support"
ARTICLES = [path.read_text("utf-8") for path in sorted((SUPPORT / "documents").glob("*.md"))]

PLANS = """# Plans

The **Studio** plan costs €19 a month or €190 a year, and has 5 calendars. Customers pay 21% VAT.
Cancel under **Settings > Billing > Plan > Cancel plan**, and choose **Stop renewal**. We refund a yearly plan
within 14 days (two weeks) of a renewal; the bank needs 5 to 10 business days. The trial lasts three months.
If a payment fails you see BW-402. Call +31 20 555 0144 from 9:00 to 17:30, or write to `help@wren.example`.
Export with `wren export --format csv`, see https://wren.example/docs/export. Made by Anna Bergman at PayTool.
"""


@pytest.mark.parametrize(
    "answer",
    [
        "Open **Settings > Billing > Plan > Cancel plan** and choose **Stop renewal**.",
        "Go to Settings → Billing → Plan and press “Stop renewal”.",
        "Studio is 19 euros a month, or 190 € yearly. VAT is 21 percent.",
        "You have two weeks; that is 14 days. The bank takes five to ten business days.",
        "The trial is 3 months long. We answer until 5:30 pm.",
        "With VAT, that is 19 × 1.21 = 22.99 euro a month.",
        "Twelve months cost 12 × 19 = €228, which is 228 - 190 = €38 more than a year.",
        "1. See code BW-402.\n2. Run `wren export --format csv`.\n3. Read wren.example/docs/export.",
        "Call +31-20-5550144 or mail help@wren.example. Ask for Anna Bergman.",
        "There are two ways: by card, or with PayTool.",
        "Three things help:\n\n- Wait.\n- Ask.\n- Pay.",
        "```python\nfor attempt in range(7):\n    time.sleep(45)\n```",
        "**Please note:** You can always ask. Thank you for your patience! Best regards",
        "",
    ],
)
def test_what_the_evidence_says_is_supported(answer: str) -> None:
    assert unsupported_claims(answer, [PLANS]) == []


@pytest.mark.parametrize(
    ("answer", "claims"),
    [
        ("Open **Settings > Account > Cancel plan**.", ["Settings > Account > Cancel plan"]),
        ("Go to Settings > Billing > Exports and wait.", ["Settings > Billing > Exports"]),
        ("Then choose **Delete everything** at the end.", ["Delete everything"]),
        ('Then press "Renew now" to go on.', ['"Renew now"']),
        ("You see BW-403 or BW-40.", ["BW-403", "BW-40"]),
        ("Studio costs €29 a month.", ["€29"]),
        ("Studio costs $19 a month.", ["$19"]),
        ("Customers pay 19% VAT.", ["19%"]),
        ("We refund within 14 hours.", ["14 hours"]),
        ("The trial lasts three weeks, or 14 months.", ["three weeks", "14 months"]),
        ("Call +31 20 555 0145.", ["+31 20 555 0145"]),
        (
            "Write to sales@wren.example or see wren.example/docs/import.",
            ["sales@wren.example", "wren.example/docs/import"],
        ),
        ("Run `wren export --format xml`.", ["wren export --format xml"]),
        ("Add --dry-run to it.", ["--dry-run"]),
        ("We answer from 8:00 on.", ["8:00"]),
        ("It was founded on 3 May 2019.", ["3 May", "2019"]),
        ("You can ask our colleague Peter Vos for it, or pay with EasyPay.", ["Peter Vos", "EasyPay"]),
        ("With VAT, that is 19 × 1.21 = 24.99 euro a month.", ["24.99 euro"]),
        ("It costs 19 euro, and 38 euro for two, and 777 euro for all.", ["777 euro"]),
    ],
)
def test_what_no_evidence_says_is_reported_in_its_own_words(answer: str, claims: list[str]) -> None:
    assert unsupported_claims(answer, [PLANS]) == claims


def test_the_users_own_words_and_each_text_are_evidence() -> None:
    answer = "Your 7 members cost 7 × 3 = 21 euro, and BW-777 goes away."
    assert unsupported_claims(answer, ["We are 7 people and see BW-777.", "A member costs 3 euro."]) == []


# What the evidence says, an answer that agrees, one that invents, and the inventions.
FOREIGN = {
    "ja": (
        "返金は30日以内です。月額19ユーロ、エラーはBW-210です。設定 > 請求 > エクスポートを開きます。",
        "設定 > 請求 > エクスポートから、30日以内にできます。19ユーロです。BW-210が出ます。",
        "40日以内に、29ユーロで、BW-310が出たら、設定 > 通知 > エクスポートを開きます。",
        ["40日", "29ユーロ", "BW-310", "設定 > 通知 > エクスポート"],
    ),
    "zh": (
        "在14天内可以退款，费用为19欧元，错误代码是BW-210。",
        "BW-210：14天内退款，19欧元。",
        "BW-211：15天内退款，20欧元。",
        ["BW-211", "15天", "20欧元"],
    ),
    "ko": (
        "14일 이내에 환불됩니다. 요금은 19유로, 오류는 BW-210입니다. 설정 > 청구 > 내보내기를 여세요.",
        "설정 > 청구 > 내보내기에서 BW-210은 14일, 19유로입니다.",
        "설정 > 알림 > 내보내기에서 BW-211은 15일, 20유로입니다.",
        ["설정 > 알림 > 내보내기", "BW-211", "15일", "20유로"],
    ),
    "de": (
        "Die Rückzahlung dauert 14 Tage und kostet 19 €. Öffnen Sie Einstellungen > Konto > Export. BW-210.",
        "Unter **Einstellungen > Konto > Export** steht BW-210. Nach zwei Wochen (14 Tagen): 19 Euro.",
        "Unter **Einstellungen > Rechnung > Export** steht BW-211. In 15 Tagen sind 20 Euro da.",
        ["Einstellungen > Rechnung > Export", "BW-211", "15 Tagen", "20 Euro"],
    ),
    "fr": (
        "Le remboursement prend 14 jours et coûte 19 €. Ouvrez Réglages > Compte > Export. BW-210.",
        "Ouvrez Réglages > Compte > Export : 14 jours, 19 euros, BW-210.",
        "Ouvrez Réglages > Facture > Export : 15 jours, 20 euros, BW-211.",
        ["Réglages > Facture > Export", "15 jours", "20 euros", "BW-211"],
    ),
    "ar": (
        "يستغرق الاسترداد ١٤ يومًا ويكلف 19 يورو.",
        "الاسترداد خلال 14 يومًا، 19 يورو.",
        "الاسترداد خلال 15 يومًا، 20 يورو.",
        ["15", "20"],
    ),
}


@pytest.mark.parametrize("language", FOREIGN)
def test_digits_codes_and_paths_are_compared_in_every_script(language: str) -> None:
    text, true, invented, claims = FOREIGN[language]
    assert unsupported_claims(true, [text]) == []
    assert sorted(unsupported_claims(invented, [text])) == sorted(claims)


# What the answers add to the articles, found by reading them all: examples and advice of their own, and
# knowledge about other products.
BEYOND_THE_ARTICLES = {
    "11:00", '"Home"', "+447700900123", "+44", '"Treatment with voucher"', "UTC+1", "48 hours", "DE", "nine",
    "Apps > Install this site as an app",
}  # fmt: skip


def test_few_answers_of_the_support_example_are_false_alarms() -> None:
    evidence = [*ARTICLES, (SUPPORT / "facts.md").read_text("utf-8")]
    reported = []
    lines = (SUPPORT / "seeds.jsonl").read_text("utf-8").splitlines()
    for row in map(json.loads, lines):
        *before, answer = [m["content"] for m in row.get("messages", [])] or [
            row.get("system", ""), row["instruction"], row.get("input", ""), row["response"],
        ]  # fmt: skip
        reported.append(set(unsupported_claims(answer, [*evidence, *before])))
    assert set().union(*reported) >= BEYOND_THE_ARTICLES
    false_alarms = [claims for claims in reported if claims - BEYOND_THE_ARTICLES]
    # 33 minutes and 9.80 euro come from numbers that the answer does not show, 10:20 stands there as 1020.
    assert len(false_alarms) <= 0.06 * len(lines), false_alarms


FACTS = {
    "path": r"\*\*[A-Z][\w ]+(?: > [A-Z][\w -]+)+\*\*",
    "code": r"BW-\d{3}",
    "price": r"€\d+",
    "share": r"\d+(?:\.\d+)?%",
    "period": r"\b\d+ (?:business )?(?:days|hours|minutes|months|seconds)\b",
    "label": r"(?<=[a-z] )\*\*[A-Z][a-z ]+\*\*",
    "span": r"`[^`\n]+`",
}


def sections() -> list[str]:
    every = (part for article in ARTICLES for part in re.split(r"(?m)^(?=## )", article))
    return [part for part in every if len(part) > 150]


def sentences(text: str) -> list[str]:
    return [s for s in re.split(r"(?<=[.!?])\s+|\n", text) if len(s) > 2]


def test_sentences_of_the_articles_are_supported_by_their_section() -> None:
    reported = [unsupported_claims(s, [part]) for part in sections() for s in sentences(part)]
    assert len(reported) > 200
    assert not any(reported)


def swapped(kind: str) -> Iterator[tuple[str, str, str]]:
    """A section, one of its sentences with a fact of another section, and that fact."""
    foreign = sorted({fact for part in sections() for fact in re.findall(FACTS[kind], part)})
    for part in sections():
        known = part.lower().replace("**", "")
        others = [fact for fact in foreign if fact.lower().strip("*") not in known]
        for sentence in sentences(part):
            for match in re.finditer(FACTS[kind], sentence):
                for fact in others:
                    yield part, sentence[: match.start()] + fact + sentence[match.end() :], fact.strip("*`")


@pytest.mark.parametrize("kind", FACTS)
def test_a_fact_of_another_article_is_reported(kind: str) -> None:
    found = [fact in " ".join(unsupported_claims(said, [part])) for part, said, fact in swapped(kind)]
    assert len(found) > 5
    assert sum(found) >= 0.95 * len(found), f"{sum(found)} of {len(found)}"


def test_an_answer_in_a_language_without_word_lists_is_checked() -> None:
    evidence = ["Rapporten är klar efter 14 dagar. Öppna PayPal."]
    assert unsupported_claims("Jag vill inte vänta: det är klart efter 14 dagar.", evidence) == []
    assert unsupported_claims("Jag vill inte vänta: det är klart efter 21 dagar.", evidence) == ["21"]
