"""Measures the share of number words, written by num2words, that are read correctly.

The numbers from 2 to 100, 100 numbers below a thousand and 100 below a million, in each language.

    pip install num2words
    python benchmarks/number_words.py [--misses]
"""

from __future__ import annotations

import argparse
import random

from num2words import num2words

from synth.text.paraphrase_checks.number_words import worded_numbers

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "pt_BR", "nl")


def main() -> None:
    """Prints the table. With `--misses`, also the numbers that were read wrongly or not at all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--misses", action="store_true")
    args = parser.parse_args()
    draw = random.Random(1)
    values = [*range(2, 101), *draw.sample(range(101, 1_000), 100)]
    values += draw.sample(range(1_000, 1_000_000), 100)
    print("| language | numbers | read correctly |\n|---|---|---|")
    for language in LANGUAGES:
        read = {value: _read(num2words(value, lang=language), language[:2]) for value in values}
        wrong = {value: found for value, found in read.items() if found != [value]}
        print(f"| {language} | {len(values)} | {1 - len(wrong) / len(values):.3f} |")
        if args.misses:
            print("\n".join(f"    {num2words(v, lang=language)}: {found}" for v, found in wrong.items()))


def _read(words: str, language: str) -> list[float]:
    return [value for _, _, value, _ in worded_numbers(words, language)]


if __name__ == "__main__":
    main()
