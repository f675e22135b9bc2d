"""Whether a rewording lost a negation, gained one, or turned a word into its opposite.

English counts negations; in languages where one negation takes several words ("no ... nada", "ne ... pas")
a text has one or has none. A negation may be said without one ("does not work", "is broken"): words that
deny by their meaning answer for one, as long as the other text does not have them, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from synth.text.languages import language_of

_ENGLISH: Final = re.compile(
    r"\b(?:no|not|never|none|nothing|nobody|nowhere|neither|nor|without|cannot|w/o|minus|sans"
    r"|(?:is|are|was|were|do|does|did|has|have|had|ca|could|wo|would|should|must|need|might|ai"
    r"|sha)n['’]?t)\b",
    re.IGNORECASE,
)
_OTHERS: Final[Mapping[str, str]] = {
    "de": "nicht nichts nie niemals niemand kein keine keinen keinem keiner keines ohne weder",
    "fr": "pas jamais rien aucun aucune sans ni personne nulle n'est",
    "es": "no nunca jamás sin nada nadie ningún ninguno ninguna tampoco ni",
    "it": "non mai nessun nessuno nessuna niente nulla senza né neanche nemmeno",
    "pt": "não nunca jamais sem nada ninguém nenhum nenhuma nem",
    "nl": "niet niets nooit niemand geen zonder noch",
}
_IMPLICIT_OTHERS: Final[Mapping[str, str]] = {
    "de": r"unmöglich|un(?:gültig|bezahlt|bekannt|fähig|nötig)\w*|fehl\w*|scheiter\w*|verweiger\w*|kaputt"
    r"|frei|verzicht\w*"
    r"|vermeid\w*|ausgenommen|außer|verhinder\w*|lehn\w*|\w+los\w*|\w+frei\w*|verbot\w*|defekt|streik\w*",
    "fr": r"impossible|échou\w*|échec|refus\w*|manqu\w*|hors|sauf|évit\w*|absen\w*|in(?:valide|capable"
    r"|utile)\w*|interdit\w*"
    r"|cess\w*|privé\w*|sans",
    "es": r"imposible|fall\w*|falt\w*|rechaz\w*|incapaz|evit\w*|excepto|salvo|in(?:válid|útil)\w*"
    r"|prohib\w*|ausen\w*|carec\w*"
    r"|dej\w+ de|niega|libre",
    "it": r"impossibile|fallisc\w*|fallit\w*|manc\w*|rifiut\w*|incapac\w*|evit\w*|eccetto|tranne|salvo"
    r"|in(?:valid|util)\w*"
    r"|viet\w*|assen\w*|smess\w*|priv\w*",
    "pt": r"impossível|falh\w*|falt\w*|recus\w*|incapaz|evit\w*|exceto|salvo|in(?:válid|útil)\w*|proib\w*"
    r"|ausen\w*|deix\w+ de"
    r"|livre",
    "nl": r"onmogelijk|mislukt?\w*|faalt|ontbre\w*|weiger\w*|vermijd\w*|behalve|uitgezonderd|on(?:geldig"
    r"|nodig)\w*|verbod\w*"
    r"|verboden|kapot|\w+loos|\w+vrij|stopt",
}
# Politeness, uncertainty, and set phrases: their "not" denies nothing that was asked.
_IDLE: Final = re.compile(
    r"\b(?:why (?:not|don['’]?t (?:you|we))|(?:could|would|can|wo|do)n['’]?t you|(?:is|are|was|do|does|did"
    r"|has|have)n['’]?t (?:it|they|that|there|he|she|we) ?\?"
    r"|(?:i|we) (?:do not|don['’]?t|did not|didn['’]?t) (?:really |quite |fully )?(?:know|understand|see"
    r"|get why|get how|remember|recall|mind|care)"
    r"|(?:i am|i['’]?m|we['’]?re|we are) not (?:really |quite |entirely |at all )?(?:sure|certain|clear)"
    r"|not (?:sure|certain|clear|familiar)"
    r"|(?:i have|i['’]?ve(?: got)?|have|got) no (?:idea|clue)|no idea|no clue|cannot figure|can['’]?t"
    r" figure|couldn['’]?t figure"
    r"|can(?:not|['’]?t) (?:remember|recall|wait|tell|work out|seem to|find|locate|see|think of|decide)"
    r"|(?:do not|don['’]?t) (?:hesitate|worry|forget|fail)|not to mention|no (?:problem|worries|doubt"
    r"|matter|rush|need to worry|big deal)|or not|if not|not only|whether or not|not just"
    r"|no[.,]? (?:thanks|thank you)|nothing fancy|not (?:too|so) (?:long|technical|formal|complicated"
    r"|wordy)|no longer than|not (?:un|in)\w+|no\. ?\d+|nothing (?:but|more than)"
    r"|not (?:more|less|fewer|later|earlier) than|no (?:more|less|fewer|later|earlier|longer) than|not"
    r" (?:exceed|exceeding)|must not exceed|(?:do not|don['’]?t|does not|doesn['’]?t) exceed|not over|not"
    r" above|not below)\b",
    re.IGNORECASE,
)
# Words that deny by themselves; they can take the place of a negation.
_IMPLICIT: Final = re.compile(
    r"\b(?:unable|fail\w*|refus\w*|stop\w*|ceas\w*|lack\w*|miss\w*|broken|broke|breaks|impossible"
    r"|unavailable|avoid\w*|prevent\w*"
    r"|exclud\w*|except\w*|besides|other than|apart from|aside from|skip\w*|omit\w*|reject\w*|declin\w*"
    r"|den(?:y|ies|ied)|forbid\w*|forbidden|prohibit\w*"
    r"|block\w*|absent|absence|empty|blank|zero|bare|free|lost|lose|losing|loses|leav\w+ out|left out"
    r"|drop\w*|ignor\w*|remain\w*|still|yet to|hardly|barely|scarcely|rarely|seldom"
    r"|down|dead|stuck|frozen|freez\w*|crash\w*|hang\w*|error\w*|problem\w*|trouble\w*|issue\w*|forever"
    r"|endless\w*|infinite\w*|indefinite\w*|wrong|incorrect\w*|fals\w*|outside|beyond|off|out of|instead"
    r"|rather than|only|unless|until"
    r"|keep\w* from|kept from|refrain\w*|allerg\w*|intoleran\w*|vegan|vegetarian|plain|pure\w*|silent\w*"
    r"|mut\w+|vain|nil|null|minus|short of|struggl\w*|hate\w*|dislike\w*|against|cancel\w*|disabl\w*"
    r"|deactivat\w*|lock\w+ out|isolat\w*"
    r"|un(?!der|it|til|ion|ique|ivers|less|iform|ify|ified|dergo|derstand)\w{3,}|in(?:valid|complete"
    r"|accurate|active|correct|sufficient|eligible|capable|visible|secure|ability|adequate|convenient"
    r"|consistent|accessible|operable|compatible)\w*"
    r"|im(?:possible|proper|perfect|mune)\w*|ir(?:regular|relevant|responsible)\w*|il(?:legal|legible"
    r"|logical)\w*|dis(?:able|connect|appear|allow|continu|agree|like|regard|honest|approv|pens)\w*"
    r"|non-?\w{3,}|\w{3,}less(?:ly)?|\w{3,}-free)\b",
    re.IGNORECASE,
)
_UPPER: Final = re.compile(
    r"\b(?:at most|no more than|not more than|up to|(?:a )?maximum(?: of)?|max\.?|(?:less|fewer|shorter"
    r"|lower|smaller|younger|cheaper) than"
    r"|under|below|no longer than|no later than|not later than|not exceed\w*|within|at the latest|or"
    r" (?:less|fewer|under|below|younger)"
    r"|(?:do not|don['’]?t|does not|doesn['’]?t) exceed|not over|not above|inside of|beneath)\b",
    re.IGNORECASE,
)
_LOWER: Final = re.compile(
    r"\b(?:at least|no (?:less|fewer) than|not (?:less|fewer) than|(?:a )?minimum(?: of)?|min\.|(?<!no"
    r" )(?<!not )(?:more|greater|longer|larger|higher|bigger|older) than"
    r"|over|above|(?<!not )exceed\w*|no earlier than|not earlier than|(?<!no )(?<!not )later than|or"
    r" (?:more|above|over|older)|upwards of|beyond)\b",
    re.IGNORECASE,
)
# One in each text, and the text asks for the contrary. "Un-", "dis-" and the like are found by their stems.
_OPPOSITES: Final = tuple(
    tuple(re.compile(rf"\b(?:{side})\b", re.IGNORECASE) for side in pair.split("/"))
    for pair in (
        "enabl\\w+/disabl\\w+|turn\\w* off|switch\\w* off",
        "includ\\w+/exclud\\w+|omit\\w*|leav\\w+ out",
        "increas\\w+|rais\\w+/decreas\\w+|reduc\\w+|lower\\w*",
        "accept\\w*/reject\\w*|refus\\w*|declin\\w*",
        "allow\\w*|permit\\w*/block\\w*|forbid\\w*|prohibit\\w*|prevent\\w*|disallow\\w*",
        "with/without",
        "before/after",
        "add|adds|adding|added/remov\\w+|delet\\w+",
        "import\\w*/export\\w*",
        "buy\\w*/sell\\w*",
        "best/worst",
        "highest|most|largest|biggest/lowest|least|smallest|fewest",
        "safe|safely/unsafe|dangerous|unsafely",
        "advantage\\w*|benefit\\w*|pros/disadvantage\\w*|drawback\\w*|cons|downside\\w*",
        "always/never",
        "everyone|everybody|all/nobody|no one|none",
        "turn\\w* on|switch\\w* on/turn\\w* off|switch\\w* off",
        "ascending/descending",
        "earliest|oldest/latest|newest",
    )
)  # fmt: skip
_PREFIXES: Final = ("un", "dis", "in", "im", "non", "non-", "de", "ir", "il", "mis")
_WORD: Final = re.compile(r"[a-z][a-z'’-]{3,}")


def changed_negation(before: str, after: str) -> str | None:
    """Words for a negation that one text has and the other lacks, or None."""
    languages = language_of(before), language_of(after)
    if "en" not in languages or languages != ("en", "en"):
        return _by_presence(before, after, languages)
    if flipped := _flipped_bound(before, after):
        return flipped
    old, new = negations_of(before), negations_of(after)
    old_implicit, new_implicit = _implicit(before), _implicit(after)
    lost = len(old) - len(new) - len(new_implicit - old_implicit)
    gained = len(new) - len(old) - len(old_implicit - new_implicit)
    if lost > 0 and (not new or not _joined(after)):
        return f"{old[-1]!r} is gone"
    if gained > 0 and (not old or not _joined(before)):
        return f"{new[-1]!r} was not there"
    return _opposite(before, after) if len(old) == len(new) else None


def negations_of(text: str) -> list[str]:
    """The negations of an English text that deny something, as written. "Neither ... nor" is one."""
    text = _IDLE.sub(" ", text)
    found = [match.group() for match in _ENGLISH.finditer(text)]
    lowered = [word.lower() for word in found]
    if "neither" in lowered and "nor" in lowered:
        found.pop(lowered.index("nor"))
    return found


def _implicit(text: str) -> set[str]:
    return {match.group().lower()[:5] for match in _IMPLICIT.finditer(text)}


def _joined(text: str) -> bool:
    """Whether one negation may stand for two: "no cash or cards"."""
    return bool(re.search(r"\b(?:or|nor|neither|and)\b|[,/]", text, re.IGNORECASE))


def _by_presence(before: str, after: str, languages: tuple[str, str]) -> str | None:
    old, new = (_first(text, language) for text, language in zip((before, after), languages, strict=True))
    if old and not new and not _implies(after, languages[1]):
        return f"{old!r} is gone"
    if new and not old and not _implies(before, languages[0]):
        return f"{new!r} was not there"
    return None


def _first(text: str, language: str) -> str | None:
    if language == "en":
        return next(iter(negations_of(text)), None)
    words = set(_OTHERS[language].split())
    return next((word for word in re.findall(r"[\w'’]+", text.lower()) if word in words), None)


def _implies(text: str, language: str) -> bool:
    if language == "en":
        return bool(_IMPLICIT.search(text))
    return bool(re.search(rf"\b(?:{_IMPLICIT_OTHERS[language]})\b", text, re.IGNORECASE))


def _flipped_bound(before: str, after: str) -> str | None:
    """ "No more than 5" that became "more than 5"."""
    old = _UPPER.search(before), _LOWER.search(before)
    new = _UPPER.search(after), _LOWER.search(after)
    if old[0] and not old[1] and new[1] and not new[0]:
        return f"{old[0].group()!r} became {new[1].group()!r}"
    if old[1] and not old[0] and new[0] and not new[1]:
        return f"{old[1].group()!r} became {new[0].group()!r}"
    return None


def _opposite(before: str, after: str) -> str | None:
    for one, other in _OPPOSITES:
        for this, that in ((one, other), (other, one)):
            old, new = this.search(before), that.search(after)
            if old and new and not that.search(before) and not this.search(after):
                return f"{old.group()!r} became {new.group()!r}"
    old_words, new_words = set(_WORD.findall(before.lower())), set(_WORD.findall(after.lower()))
    for prefix in _PREFIXES:
        for a, b in ((old_words, new_words), (new_words, old_words)):
            for word in sorted(a - b):
                denied = prefix + word
                if denied in b and denied not in a:
                    return f"{word!r} and {denied!r}"
    return None
