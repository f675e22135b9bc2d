"""Finds the facts of an answer that no text of its evidence supports, without a model.

A fact here is what a reader acts on and a rule can compare: a menu path, a code, an address, a price, a
period, a date, a label of a button, a name. Whether the evidence supports a sentence as a whole is a question
for a judge. The check is made for precision: what it reports is almost surely in no text of the evidence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from synth.text.code_spans import blocks
from synth.text.languages import UNKNOWN, language_of
from synth.text.lexicon import LANGUAGES, words_of
from synth.text.paraphrase_checks.literals import code_of
from synth.text.quantities import Quantity, quantities_of, unsupported_quantities

# A claim: its start and end in the answer, and whether the evidence supports it.
_Claims = Iterator[tuple[int, int, bool]]

# In the place of a claim that was read. A space would make indented code of the rest of a line.
_TAKEN: Final = "\ufffc"
_WIDE: Final = str.maketrans({"：": ": ", "，": ", ", "；": "; ", "、": "、 ", "。": "。 "})
_UNSPACED: Final = "\u3040-\u30ff\u3400-\u9fff"
_SPAN: Final = re.compile(r"`([^`\n]{1,200})`")
_LINK: Final = r"https?://[^\s<>\"'`)\]}]+|www\.[^\s<>\"'`)\]}]+"
_EMAIL: Final = r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"
_DOMAIN: Final = r"(?<![\w@.-])(?:[a-z0-9][\w-]+\.)+[a-z]{2,}(?:/[\w./?=&%#-]*)?(?![\w@])"
_ADDRESS: Final = re.compile(rf"{_LINK}|{_EMAIL}|{_DOMAIN}")
_FULL_ADDRESS: Final = re.compile(rf"{_LINK}|{_EMAIL}")
_FLAG: Final = re.compile(r"(?<![\w-])--[a-z][\w-]+")
_CODE: Final = re.compile(r"\b[A-Z]{2,}[-_]?\d[\w-]*\b")
_PHONE: Final = re.compile(r"(?<![\w.,/-])(?:\+\d|\(0|0\d|\d{3}-\d{3}-)[\d\s()./-]{5,}\d(?![\w-])")
# "Settings > Billing > Export". The first segment is its last word, because a verb can be in front of it.
_WORD: Final = rf"[^\W\d_{_UNSPACED}][\w&'’-]*"
# A label in Japanese or Chinese ends where hiragana begins.
_SIGNS: Final = r"[\u30a0-\u30ff\u3400-\u9fff][\u30a0-\u30ff\u3400-\u9fffA-Za-z0-9]*"
_SEGMENT: Final = rf"(?:{_SIGNS}|{_WORD}(?:[ ](?:{_WORD}|&))*)"
_PATH: Final = re.compile(
    rf"(?:{_SIGNS}|{_WORD})(?:\s?\*\*)?"
    rf"(?:[ ]?[>›→»][ ]?(?:\*\*)?{_SEGMENT}(?:\*\*)?)+"
)
_PARTICLE: Final = re.compile(r"(?<=[\uac00-\ud7af]{2})(?:에서|으로|로|을|를|에|은|는|이|가|의)$")
_ARROW: Final = re.compile(r"\s*(?:\*\*)?\s*[>›→»]\s*(?:\*\*)?\s*")
# A label: bold or quoted in the middle of a sentence, with a capital letter.
_LABEL: Final = re.compile(
    r"(?<=[\w,(] )(?:\*\*(?P<bold>[^\W\d_][^*\n]{0,50})\*\*"
    r"|[\"“„«](?P<quoted>[^\W\d_][^\"”“»\n]{0,50})[\"”“»])"
    r"|「(?P<corner>[^」\n]{1,25})」"
)
_MOST_LABEL_WORDS: Final = 6
_MOST_LISTED: Final = 5
_CAPITAL_RUN: Final = re.compile(r"(?<=[a-zà-ÿ,] )[A-ZÀ-Þ][\w’'-]*(?:[ ][A-ZÀ-Þ][\w’'-]*)+")
_INNER_CAPITAL: Final = re.compile(r"\b(?:[A-Z]?[a-zà-ÿ]+[A-Z][A-Za-z]*)\b")
_LINE: Final = re.compile(r"[^\n]+")
_PLACEHOLDER: Final = re.compile(r"\byour|<[^>]*>|\.\.\.|…|^\[\d+\]$|example\.(?:com|org)", re.IGNORECASE)
_BETWEEN_PIECES: Final = re.compile(r"[\s=:,;|()\[\]{}\"'<>]+")
_STOPS: Final = ".,;:!?)("


def unsupported_claims(answer: str, evidence: Sequence[str]) -> list[str]:
    """The facts of `answer` that no text of `evidence` supports, in the words of the answer and in its order.

    The evidence is everything that the answer may rest on: the passages, the system prompt and the messages
    before it. "14 days" is supported by "two weeks", and a number by a calculation that the answer shows.
    """
    known = _Evidence(tuple(_known(text) for text in evidence))
    rest = _narrow(answer)
    missing: dict[int, str] = {}
    for find in (_code_blocks, _paths, _spans, _addresses, _phones, _labels, _literals, _names):
        whole = rest
        for start, end, supported in find(whole, known):
            rest = f"{rest[:start]}{_TAKEN * (end - start)}{rest[end:]}"
            if not supported:
                missing.setdefault(start, whole[start:end].strip(f" *`\n{_TAKEN}"))
    same = language_of(rest) in {UNKNOWN, *map(language_of, evidence)}
    for quantity in unsupported_quantities(rest, known.quantities, same_language=same):
        missing.setdefault(quantity.at, quantity.words)
    return list(dict.fromkeys(words for _, words in sorted(missing.items())))


def listed(claims: Sequence[str]) -> str:
    """The first claims, quoted, for the reason of a drop."""
    return ", ".join(map(repr, claims[:_MOST_LISTED]))


@dataclass(frozen=True, slots=True)
class _Text:
    """One text of the evidence, in the forms that claims are compared with."""

    folded: str
    digits: str
    quantities: tuple[Quantity, ...]


@dataclass(frozen=True, slots=True)
class _Evidence:
    """The texts, and the code blocks of the answer itself."""

    texts: tuple[_Text, ...]
    own: list[str] = field(default_factory=list)

    @property
    def quantities(self) -> list[Quantity]:
        return [quantity for text in self.texts for quantity in text.quantities]

    def has(self, words: str, *, open_end: bool = False) -> bool:
        """Whether a text has these words as whole words. `open_end`: the last one may go on."""
        return any(_in(words, text.folded, open_end) for text in self.texts)

    def has_path(self, segments: Sequence[str]) -> bool:
        """Whether a text has the path, or its beginning and each further segment elsewhere."""
        for text in self.texts:
            for count in range(len(segments), 1, -1):
                if _in(" > ".join(segments[:count]), text.folded, True):
                    if all(_in(segment, text.folded, True) for segment in segments[count:]):
                        return True
                    break
        return False

    def has_address(self, words: str) -> bool:
        """Whether a text has the address, or it is a placeholder."""
        plain = re.sub(r"^https?://(?:www\.)?|^www\.", "", words).rstrip("/" + _STOPS)
        return bool(_PLACEHOLDER.search(words)) or self.has(words) or self.has(plain)

    def has_code(self, code: str) -> bool:
        """Whether a text has the code, as it is or piece by piece."""
        pieces = [piece for piece in _BETWEEN_PIECES.split(code) if re.search(r"\w{2}", piece)]
        return (
            self.has_address(code)
            or any(code in block for block in self.own)
            or (len(pieces) > 1 and all(self.has_address(piece) for piece in pieces))
        )


@lru_cache(maxsize=4096)
def _known(text: str) -> _Text:
    return _Text(
        _folded(text),
        re.sub(r"[\s()./-]", "", text),
        tuple(quantities_of(_narrow(text))),
    )


def _narrow(text: str) -> str:
    """The text in its compatible Unicode form, with a space after wide punctuation."""
    return unicodedata.normalize("NFKC", text.translate(_WIDE))


def _folded(text: str) -> str:
    """Lower case, without emphasis and code marks, with one kind of arrow, quotation mark and space."""
    text = _narrow(text).casefold()
    text = re.sub(r"\*\*|__(?=\w)|(?<=\w)__|`", "", text).replace("’", "'")
    return " ".join(re.sub(r"\s*[>›→»]\s*", " > ", text).split())


def _in(words: str, text: str, open_end: bool = False) -> bool:
    wanted = _folded(words).strip(_STOPS + " '\"")
    if not wanted:
        return True
    at = text.find(wanted)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(wanted) : at + len(wanted) + 1]
        starts = not (_joins(before) and _joins(wanted[0]))
        ends = open_end or not (_joins(after) and _joins(wanted[-1]))
        if starts and ends:
            return True
        at = text.find(wanted, at + 1)
    return False


def _joins(char: str) -> bool:
    """Whether this character belongs to a word, in a script with spaces between words."""
    return bool(char) and (char.isalnum() or char == "_") and not re.match(f"[{_UNSPACED}]", char)


def _code_blocks(text: str, known: _Evidence) -> _Claims:
    """Code is the answer's own work. Only the addresses, options and codes in it are facts."""
    at = 0
    for block in blocks(text):
        end = at + len("\n".join(block.lines))
        if block.kind == "code":
            for pattern in (_FULL_ADDRESS, _FLAG, _CODE):
                for match in pattern.finditer(text, at, end):
                    yield *match.span(), known.has_address(match.group())
            known.own.append(text[at:end])
            yield at, end, True
        at = end + 1


def _paths(text: str, known: _Evidence) -> _Claims:
    for match in _PATH.finditer(text):
        segments = [segment.strip(" *") for segment in _ARROW.split(match.group())]
        if not all(segment[:1].isalpha() and not segment[0].islower() for segment in segments):
            continue
        kept = _segments(segments, bold="**" in text[max(match.start() - 30, 0) : match.end() + 2])
        end = match.start() + match.group().rfind(kept[-1]) + len(kept[-1])
        yield match.start(), end, known.has_path(kept)


def _segments(segments: Sequence[str], bold: bool) -> list[str]:
    """The segments without the words of the sentence that follow the last one."""
    *others, last = segments
    if bold:
        return [*others, last]
    words = last.split(" ")
    count = next((i for i, word in enumerate(words) if i and not word[:1].isupper()), len(words))
    if not words[0][:1].isupper():  # a script without capitals
        count = 1
    return [*others, _PARTICLE.sub("", " ".join(words[:count]))]


def _spans(text: str, known: _Evidence) -> _Claims:
    for match in _SPAN.finditer(text):
        yield *match.span(), known.has_code(match[1])


def _literals(text: str, known: _Evidence) -> _Claims:
    for code in code_of(text):
        at = text.find(code)
        if at >= 0:
            yield at, at + len(code), known.has_code(code)


def _addresses(text: str, known: _Evidence) -> _Claims:
    for match in _ADDRESS.finditer(text):
        words = match.group().rstrip(_STOPS)
        if not re.fullmatch(r"(?:\w\.)+\w*", words):  # "e.g."
            yield match.start(), match.start() + len(words), known.has_address(words)


def _phones(text: str, known: _Evidence) -> _Claims:
    for match in _PHONE.finditer(text):
        digits = re.sub(r"[\s()./-]", "", match.group())
        if sum(c.isdigit() for c in digits) >= 7 and not re.match(r"0?\d[./-]\d\d?[./-]\d{4}", match.group()):
            yield *match.span(), any(digits.lstrip("+0") in text.digits for text in known.texts)


def _labels(text: str, known: _Evidence) -> _Claims:
    for match in _LABEL.finditer(text):
        label = match["bold"] or match["quoted"] or match["corner"]
        unspaced = bool(match["corner"])
        if (
            (label[0].isupper() or unspaced)
            and label[-1] not in ".!?:,"
            and len(label.split()) <= _MOST_LABEL_WORDS
        ):
            yield *match.span(), known.has(label.rstrip("…. "))


def _names(text: str, known: _Evidence) -> _Claims:
    """Names of several words, and words with a capital inside (PayPal). German nouns have capitals, too."""
    plain = _LINE.sub(lambda line: " " * len(line.group()) if _is_title(line.group()) else line.group(), text)
    language = language_of(text)
    # Without a word list of the language, the function words of all languages are no names.
    known_lists = (language,) if language in LANGUAGES else ()
    ignored = words_of("not_names") | words_of("function_words", *known_lists)
    for match in _CAPITAL_RUN.finditer(plain):
        words = [word for word in re.split(r"[ ’']", match.group()) if word.lower() not in ignored]
        if len(words) > 1 and (language != "de" or _INNER_CAPITAL.search(match.group())):
            yield *match.span(), all(len(word) < 3 or _knows(word, known) for word in words)
    for match in _INNER_CAPITAL.finditer(plain):
        yield *match.span(), _knows(match.group(), known)


def _is_title(line: str) -> bool:
    """Whether nearly all long words of the line have capitals, so that they tell nothing."""
    words = re.findall(r"[^\W\d_]{4,}", line)
    return line.lstrip().startswith("#") or sum(word[0].isupper() for word in words) > 0.7 * len(words)


def _knows(word: str, known: _Evidence) -> bool:
    """Whether the evidence has the word, in any form of it."""
    stem = word if len(word) < 6 else word[:-1]
    return known.has(stem, open_end=True) or known.has(word.rstrip("s"), open_end=True)
