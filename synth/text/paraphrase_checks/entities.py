"""Finds names that a rewording lost, added or swapped.

There is no model: a name is recognised by its spelling. That is a capital inside a sentence (in German, where
every noun has one, only after a preposition), a capital or digit inside a word, or a capital at the beginning
of a sentence that continues like one about a thing ("Stripe keeps ...").
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

from synth.text.languages import language_of
from synth.text.lexicon import LANGUAGES, shared_names, words_of
from synth.text.paraphrase_checks.literals import without_code
from synth.text.paraphrase_checks.names_by_script import changed_name_by_script

_TOKEN: Final = re.compile(r"[^\W_](?:[\w&+#]|[-'’.](?=\w))*[+#]*|[^\w\s]")
_ELISION: Final = re.compile(
    r"^(?:[cdjlmnst]|qu|(?:d|n|s)?ell|del|nell|sull|all|un)['’](?=\w)", re.IGNORECASE
)
_LONG: Final = 500  # words; longer texts are not aligned, because that takes the product of their lengths
_ENDS: Final = frozenset(".!?:\n•…;–—")


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    name: bool  # spelled like a name
    opens: bool  # first word of a sentence


def changed_entity(before: str, after: str) -> str | None:
    """A sentence about a name that is not in both texts, or None."""
    before, after = _one_word(without_code(before)), _one_word(without_code(after))
    languages = language_of(before), language_of(after)
    if not all(language in LANGUAGES for language in languages):
        # Capitals tell nothing in these languages, or it is not known what they tell.
        return changed_name_by_script(before, after, languages[0]) if languages[0] == languages[1] else None
    old, new = _words(before, languages[0]), _words(after, languages[1])
    if swap := _swapped_in_place(old, new, languages):
        return swap
    if languages[0] != languages[1]:
        return None  # names and the use of capitals differ between languages
    lost = [w.text for w in _missing(old, after, new)]
    gained = [w.text for w in _missing(new, before, old)]
    if lost and gained:
        return f"{lost[0]!r} became {gained[0]!r}"
    columns = _columns(old) | _columns(new)
    lost, gained = ([w for w in words if w not in columns] for words in (lost, gained))
    if lost and not _partly_kept(lost[0], old, after):
        return f"{lost[0]!r} is gone"
    if gained and not _partly_kept(gained[0], new, before):
        return f"{gained[0]!r} was not there"
    return None


def _columns(words: list[_Word]) -> set[str]:
    """Ordinary words with a capital, such as the names of columns: "which City", "each State"."""
    return {
        word.text
        for before, word in pairwise(words)
        if before.text.lower() in words_of("before_columns") and word.text[1:].islower()
    }


def _one_word(text: str) -> str:
    """The text with one-word names for what has names of several words: "USA" for "the United States"."""
    for several, one in _long_names():
        text = several.sub(one, text)
    return text


@cache
def _long_names() -> list[tuple[re.Pattern[str], str]]:
    found = []
    for group in shared_names().same:
        long = sorted((name for name in group if " " in name), key=len, reverse=True)
        if long:
            short = min((name for name in group if " " not in name), key=len).upper()
            found.append((re.compile(rf"\b(?:{'|'.join(long)})\b", re.IGNORECASE), short))
    return found


def _words(text: str, language: str) -> list[_Word]:
    words: list[_Word] = []
    opens, previous = True, ""
    shouting = _is_shouted(text)
    for line in text.splitlines():
        opens = True
        for match in _TOKEN.finditer(line):
            token = match.group()
            if not token[0].isalnum():
                after_title = token == "." and previous.lower() in words_of("titles")
                opens = (opens or token in _ENDS or token in "\"“„«'‘(") and token != "," and not after_title
                previous = token
                continue
            token = re.sub(r"['’]s$|['’]$", "", token)
            if language in ("fr", "it"):
                token = _ELISION.sub("", token)
            words.append(_Word(token, not shouting and _is_name(token, opens, previous, language), opens))
            opens, previous = False, token
    return words


def _is_shouted(text: str) -> bool:
    """Whether capitals tell nothing, because everything is in capitals or it is a title."""
    words = [
        w for w in re.findall(r"[^\W\d_]{2,}", text) if w.lower() not in words_of("function_words", "en")
    ]
    capital = sum(word[0].isupper() for word in words)
    return len(words) >= 4 and capital > 0.9 * len(words)


def _is_name(token: str, opens: bool, previous: str, language: str) -> bool:
    lowered = token.lower()
    if lowered in words_of("not_names") or not any(c.isalpha() for c in token):
        return False
    if re.search(r"\d", token):
        return False  # other checks compare numbers and identifiers
    inner = any(c.isupper() for c in token[1:])
    if inner and not token.isupper():
        return True
    if token.isupper() and len(token) >= 2:
        return True
    if not token[0].isupper() or opens or len(token) < 2:
        return False
    if language == "de":
        return previous.lower() in words_of("name_prepositions", "de") and not re.search(
            r"(?:ung|heit|keit|schaft|tion|en|ei|tät)$", token
        )
    return True


def _missing(words: list[_Word], text: str, others: list[_Word]) -> Iterator[_Word]:
    known = {_folded(word.text) for word in others}
    known |= {part for word in known for part in word.split("-")}
    plain, own = _folded(text), " ".join(_folded(word.text) for word in words)
    for word in words:
        if word.name and not _found(_folded(word.text), known, plain, others, own):
            yield word


def _found(name: str, known: set[str], plain: str, others: list[_Word], own: str) -> bool:
    """Whether `name`, a word of the text `own`, occurs in any form in the text `plain`, whose words are
    `others`.
    """
    if name in known or any(part in known for part in name.split("-") if len(part) > 3):
        return True
    if len(name) >= 4 and re.search(rf"\b{re.escape(name)}", plain):
        return True
    if any(_same_name(name, other) for other in known):
        return True
    squeezed = re.sub(r"\W", "", plain)
    if len(name) >= 6 and re.sub(r"\W", "", name) in squeezed:
        return True
    return _spelled_out(name, plain) or any(
        other.text.isupper() and name[0].upper() in other.text and _spelled_out(other.text.lower(), own)
        for other in others
    )


def _same_name(one: str, other: str) -> bool:
    if any(one in group and other in group for group in shared_names().same):
        return True
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    if shared >= 4 and one[shared:] in shared_names().endings and other[shared:] in shared_names().endings:
        return True
    short, long = sorted((one, other), key=len)
    return 3 <= len(short) <= 4 < len(long) and long.startswith(short)  # Mon, Sept


def _spelled_out(acronym: str, plain: str) -> bool:
    """Whether consecutive words begin with the letters of `acronym`, with or without small words."""
    letters = re.sub(r"\W", "", acronym)
    if not 2 <= len(letters) <= 5:
        return False
    initials = [word[0] for word in re.findall(r"\w+", plain)]
    content = [word[0] for word in re.findall(r"\w+", plain) if word not in ("of", "the", "and", "for", "in")]
    return letters in "".join(initials) or letters in "".join(content)


def _partly_kept(name: str, words: list[_Word], text: str) -> bool:
    """Whether the neighbouring words that belong to a name are in `text`."""
    plain = _folded(text)
    for place, word in enumerate(words):
        if word.text != name:
            continue
        beside = words[max(place - 1, 0) : place] + words[place + 1 : place + 2]
        if any(w.name and re.search(rf"\b{re.escape(_folded(w.text))}\b", plain) for w in beside):
            return True
    return name.lower() in words_of("titles")


def _swapped_in_place(old: list[_Word], new: list[_Word], languages: tuple[str, str]) -> str | None:
    """A capitalised word that was replaced by another one, with the same words around it."""
    if len(old) > _LONG or len(new) > _LONG:
        return None
    a, b = [_folded(w.text) for w in old], [_folded(w.text) for w in new]
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind != "replace" or i_end - i != 1 or j_end - j != 1:
            continue
        one, other = old[i], new[j]
        if not (one.text[0].isupper() and other.text[0].isupper()) or _same_name(a[i], b[j]):
            continue
        if _listed(old, i) and _listed(new, j) and a[i] in b and b[j] in a:
            continue  # a list in another order
        if one.opens != other.opens or {a[i], b[j]} & words_of("not_names"):
            continue
        if one.opens:
            follows = a[i + 1] if i + 1 < len(a) and j + 1 < len(b) and a[i + 1] == b[j + 1] else ""
            if follows not in words_of("predicates") or {a[i], b[j]} & words_of("not_subjects"):
                continue
        elif languages != ("de", "de") or not (i and a[i - 1] in words_of("name_prepositions", "de")):
            continue
        return f"{one.text!r} became {other.text!r}"
    return None


def _listed(words: list[_Word], place: int) -> bool:
    """Whether a word is part of a list of words with a capital: "Rome, Oslo and Bern"."""
    links = words_of("list_links")
    for step in (1, -1):
        at = place + step
        while 0 <= at < len(words) and words[at].text[0].isupper():
            at += step
        if 0 <= at < len(words) and words[at].text in links:
            return True
    return False


def _folded(text: str) -> str:
    """Lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).replace("’", "'")
