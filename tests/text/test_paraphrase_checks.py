"""Allowed and forbidden changes of a rewording, on planted cases and on cases for single rules."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.text.languages import language_of
from synth.text.paraphrase_checks.entities import changed_entity
from synth.text.paraphrase_checks.literals import changed_literal
from synth.text.paraphrase_checks.meaning import changed_meaning
from synth.text.paraphrase_checks.negations import changed_negation
from synth.text.paraphrase_checks.numbers import changed_numbers, numbers_of
from synth.text.quotes import find_quote
from synth.text.similarity.diversity import distinct_n, mean_nearest_similarity
from synth.text.standalone import leans_on_source

ROOT = Path(__file__).resolve().parents[2]
MECHANICAL = ("numbers", "negations", "copies", "quotes not in the text", "leaning on the text")


@pytest.fixture(scope="module")
def planted() -> ModuleType:
    """The program that prints the figures, as a module: test and table count alike."""
    return program("planted")


def program(name: str) -> ModuleType:
    """A program that prints figures, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_there_are_cases_enough(planted: ModuleType) -> None:
    kinds = ("paraphrases", "instructions", "quotes")
    all_of_them = [
        case for kind in kinds for suffix in planted.SETS.values() for case in planted.cases(kind, suffix)
    ]
    assert len(all_of_them) >= 400
    assert len({str(case) for case in all_of_them}) == len(all_of_them)


@pytest.mark.parametrize("suffix", ["", "_held_out"])
def test_mechanical_checks_find_what_was_planted(planted: ModuleType, suffix: str) -> None:
    tallies = dict(planted.tallies(suffix))
    for name in MECHANICAL:
        tally = tallies[name]
        assert tally.hits + tally.missed >= 6
        assert tally.precision >= 0.95, tally.wrong
        assert tally.recall >= 0.95, tally.wrong


@pytest.mark.parametrize("suffix", ["", "_held_out"])
def test_all_checks_together_let_good_rewordings_through(planted: ModuleType, suffix: str) -> None:
    tally = dict(planted.tallies(suffix))["all together"]
    assert tally.precision >= 0.95, tally.wrong
    assert tally.recall >= 0.95, tally.wrong


def test_words_that_change_the_request_are_found(planted: ModuleType) -> None:
    tallies = dict(planted.word_tallies())
    rules = {"opposite", "kind", "roles", "tense", "word", "condition"}
    assert tallies.keys() == {*rules, "any", "support"}
    for rule in rules:
        tally = tallies[rule]
        assert tally.hits + tally.missed >= 12
        assert tally.false + tally.right >= 12
        assert tally.false == 0, tally.wrong
        assert tally.missed <= 1, tally.wrong


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("Muss ich vor dem Essen Tabletten nehmen?", "Muss ich nach dem Essen Tabletten nehmen?", "opposite"),
        ("Wie kann ich die Ansicht größer machen?", "Wie kann ich die Ansicht kleiner machen?", "opposite"),
        ("Wie hoch ist der durchschnittliche Preis?", "Wie hoch ist der höchste Preis?", "kind"),
        ("Comment ajouter une adresse au compte ?", "Comment supprimer une adresse du compte ?", "opposite"),
        ("Quel est le prix maximum des livres ?", "Quel est le prix moyen des livres ?", "kind"),
        ("¿Cómo abro la cuenta con tarjeta?", "¿Cómo cierro la cuenta con tarjeta?", "opposite"),
        ("¿Cuál es el precio máximo de los libros?", "¿Cuál es el precio medio de los libros?", "kind"),
        ("Welche Läden sind sonntags nicht geöffnet?", "Welche Läden sind sonntags geschlossen?", None),
        ("Gibt es Büros in Melbourne und Perth?", "Habt ihr Büros in Perth und in Melbourne?", None),
        ("Quels magasins sont ouverts le dimanche ?", "Le dimanche, quels magasins ouvrent ?", None),
    ],
)
def test_opposites_in_other_languages(before: str, after: str, reason: str | None) -> None:
    changed = changed_meaning(before, after)
    assert (changed and changed[0].value) == reason


@pytest.mark.parametrize(("requests", "alarms"), [("any", 2), ("support", 4)])
def test_rewordings_of_every_kind_of_request_pass(planted: ModuleType, requests: str, alarms: int) -> None:
    tally = dict(planted.word_tallies())[requests]
    assert tally.right + tally.false >= 40
    assert tally.false <= alarms, tally.wrong


@pytest.mark.skipif(
    not (Path(os.environ.get("SYNTH_DATA", "")) / "checklist_qqp.jsonl").exists(),
    reason="SYNTH_DATA names no folder with checklist_qqp.jsonl",
)
def test_the_pairs_of_checklist() -> None:
    checklist = program("checklist")
    found = checklist.figures(checklist.pairs(Path(os.environ["SYNTH_DATA"])))
    assert found.recall >= 0.7
    assert found.precision >= 0.9
    assert found.false_alarms <= 0.05


# --- numbers -----------------------------------------------------------------------------------------

SAME = [
    ("2,500 units", "2500 units"),
    ("1.500 Euro", "1500 Euro"),
    ("3 March", "March 3rd"),
    ("2024-03-05", "5 March 2024"),
    ("at 5 pm", "at 17:00"),
    ("5.30 pm", "17:30"),
    ("twenty-five", "25"),
    ("two hundred and fifty", "250"),
    ("10k", "10,000"),
    ("3 million", "3,000,000"),
    ("90 minutes", "1.5 hours"),
    ("90 minutes", "an hour and a half"),
    ("2 weeks", "14 days"),
    ("a dozen eggs", "12 eggs"),
    ("both of them", "2 of them"),
    ("½ cup", "0.5 cup"),
    ("1/2 cup", "half a cup"),
    ("v3.11.4", "3.11.4"),
    ("order A-1234", "order A1234"),
    ("50%", "50 percent"),
    ("1 user", "a user"),
    ("fünfundzwanzig Euro für die Karte", "25 Euro für die Karte"),
    ("6-year-old", "six years old"),
    ("€49.90", "49,90 €"),
    ("12 000 km", "12,000 km"),
    # What a rewording in another language may make of a number.
    ("Reserve 16 mesas para o jantar, por favor.", "Por favor, reserve dezesseis mesas para o jantar."),
    ("Como eu pago os 250 reais da conta?", "A conta é de duzentos e cinquenta reais, como posso pagar?"),
    ("¿Cómo pago los 250 euros?", "La factura es de doscientos cincuenta euros, ¿cómo la pago?"),
    ("Comment payer les 97 euros ?", "La facture est de quatre-vingt-dix-sept euros, comment la payer ?"),
    ("Ich bin 2.500 Kilometer gefahren.", "Das waren zweitausendfünfhundert Kilometer, die ich fuhr."),
    ("Come pago i 1.223 euro?", "La fattura è di milleduecentoventitré euro: come la pago?"),
    ("Hoe betaal ik de 72 euro?", "De rekening is tweeënzeventig euro, hoe betaal ik die?"),
    ("a twenty-five-year-old", "someone who is 25 years old"),
]
DIFFERENT = [
    ("2,500 units", "25,000 units"),
    ("3 March", "13 March"),
    ("at 5 pm", "at 5 am"),
    ("twenty-five", "52"),
    ("10k", "10"),
    ("order A-1234", "order A-1243"),
    ("v3.11.4", "v3.12.4"),
    ("2 weeks", "2 days and 2 hours, 3 in all"),
    ("ten", "eleven"),
    ("4.5%", "5.4%"),
    ("in 2023", "in 2024"),
    ("fünf Euro für die Karte", "sechs Euro für die Karte"),
    ("port 80", "port 8080"),
    ("1.5 litres", "15 litres"),
    ("192.168.0.1", "192.168.0.10"),
    ("Reserve dezesseis mesas para o jantar.", "Reserve dezessete mesas para o jantar."),
    ("La factura es de doscientos euros.", "La factura es de trescientos euros."),
    ("La facture est de quatre-vingt-dix euros.", "La facture est de quatre-vingts euros."),
    ("Das waren zweitausendfünfhundert Kilometer.", "Das waren dreitausendfünfhundert Kilometer."),
    ("La fattura è di ventitré euro.", "La fattura è di ventidue euro."),
    ("De rekening is tweeënzeventig euro.", "De rekening is zevenentwintig euro."),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_number_in_two_spellings(one: str, other: str) -> None:
    assert changed_numbers(one, other) is None
    assert changed_numbers(other, one) is None


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_numbers(one: str, other: str) -> None:
    assert changed_numbers(one, other)
    assert changed_numbers(other, one)


@given(st.text(max_size=80))
def test_a_text_has_the_numbers_it_has(text: str) -> None:
    assert changed_numbers(text, text) is None


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_any_two_integers_are_told_apart(one: int, other: int) -> None:
    assert (changed_numbers(f"take {one} steps", f"take {other} steps") is None) == (one == other)
    assert [n.text for n in numbers_of(f"{one:,}") if n.firm] == [f"{one:,}"]


# --- what the checks answer ----------------------------------------------------------------------------


def test_a_reason_and_the_words_for_it() -> None:
    assert changed_meaning("Pay 40 euros.", "Pay 45 euros.") == ("number", "'40' became '45'")
    assert changed_meaning("How do I log in?", "how do I log in") == ("copy", "the same words")
    reason, words = changed_meaning("How long do I boil an egg?", "Who sells bread knives?") or ("", "")
    assert reason == "other_question"
    assert "similarity" in words


@given(st.text(max_size=60))
def test_a_text_is_a_copy_of_itself(text: str) -> None:
    assert changed_meaning(text, text) == ("copy", "the same words")


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_breaks_a_check(one: str, other: str) -> None:
    changed_meaning(one, other)
    leans_on_source(one)
    find_quote(one, other)


def test_long_texts_take_no_longer_than_their_length() -> None:
    text = "The deposit of 25 euros isn't paid back (see section 4), says Anna. " * 400
    assert changed_meaning(text, text + "Never.") is not None
    assert leans_on_source("word " * 20_000) is None


def test_code_in_a_text_is_no_part_of_its_names() -> None:
    """A span of code is cut out where it stands, not wherever its letters are."""
    before = "Use `a` here, then ask Dana about it."
    assert changed_entity(before, before.replace("Dana", "Dora")) == "'Dana' became 'Dora'"
    assert changed_entity(before, before.replace("`a`", "`b`")) is None


@pytest.mark.timeout(40)
@pytest.mark.parametrize(
    "part",
    ["1", "a.b-", "x", "1,", "a@", "12:", "1.1.", "$", "<", "'a", '"', "a_", "no ", "a-", "A.", "`a` ", "«"],
)
def test_no_text_takes_the_square_of_its_length(part: str) -> None:
    """Each takes a few seconds; what takes the square of the length takes minutes."""
    text = part * (100_000 // len(part))
    numbers_of(text)
    leans_on_source(text)
    changed_literal(text, text)
    changed_entity(text, text)
    assert changed_negation(text, text) is None


@pytest.mark.skipif("SYNTH_DATA" not in os.environ, reason="SYNTH_DATA names no folder with GSM8K")
def test_real_questions_raise_no_alarm() -> None:
    lines = (Path(os.environ["SYNTH_DATA"]) / "gsm8k_test.jsonl").read_text("utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines]
    assert sum(leans_on_source(question) is not None for question in questions) <= 0.01 * len(questions)
    for question in questions[:300]:  # the same sentences in another order
        turned = ". ".join(part.strip() for part in reversed(question.split(". ")))
        assert changed_numbers(question, turned) is None
        assert changed_negation(question, turned) is None
        assert changed_entity(question, turned) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I reset my password?", "en"),
        ("Wie setze ich mein Passwort zurück?", "de"),
        ("Où puis-je trouver ma facture ?", "fr"),
        ("¿Dónde está mi pedido?", "es"),
        ("Dove trovo la mia fattura?", "it"),
        ("Onde encontro a minha fatura?", "pt"),
        ("Waar vind ik mijn factuur?", "nl"),
        ("", "und"),
        ("42", "und"),
    ],
)
def test_the_language_of_a_short_request(text: str, language: str) -> None:
    assert language_of(text) == language


# --- quotes -------------------------------------------------------------------------------------------


def test_a_quote_is_found_where_it_stands() -> None:
    text = "Before.  The fee is “non-refundable” –\n unless you\u00a0cancel. After."
    found = find_quote('the fee is "non-refundable" - unless you cancel', text)
    assert found is not None
    assert text[slice(*found)] == "The fee is “non-refundable” –\n unless you\u00a0cancel"


def test_letters_in_two_forms_of_unicode_are_one() -> None:
    text = "Le cafe\u0301 est ferme\u0301 le lundi."
    found = find_quote("café est fermé", text)
    assert found is not None
    assert text[slice(*found)] == "cafe\u0301 est ferme\u0301"


@pytest.mark.parametrize("quote", ["", " ", "...", '""', "-"])
def test_nothing_is_no_quote(quote: str) -> None:
    assert find_quote(quote, "Something ... - here") is None


@given(st.text(alphabet="ab ’'\n“\"é.", min_size=1, max_size=40), st.integers(0, 39), st.integers(1, 40))
def test_what_is_found_is_in_the_text(text: str, start: int, length: int) -> None:
    found = find_quote(text[start : start + length], text)
    if found is not None:
        assert 0 <= found[0] < found[1] <= len(text)


# --- diversity ----------------------------------------------------------------------------------------


def test_varied_texts_are_more_diverse_than_copies() -> None:
    copies = ["How do I reset my password?"] * 4
    varied = [
        "How do I reset my password?",
        "Where is my invoice?",
        "Boil an egg.",
        "Who built the pyramids?",
    ]
    assert distinct_n(copies, 2) == 0.25
    assert distinct_n(varied, 2) > 0.9
    assert mean_nearest_similarity(copies) == pytest.approx(1.0, abs=1e-5)
    assert mean_nearest_similarity(varied) < 0.4


def test_diversity_of_nothing() -> None:
    assert distinct_n([], 1) == 0.0
    assert distinct_n(["one"], 2) == 0.0
    assert mean_nearest_similarity([]) == mean_nearest_similarity(["one"]) == 0.0
