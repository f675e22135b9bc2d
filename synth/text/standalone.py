"""Detects instructions that refer to a text that the answering model does not have.

A model that writes an instruction from a text often refers to that text: "What does the author argue in the
passage above?" Training on such rows teaches a model to answer about missing texts.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from synth.text.languages import language_of
from synth.text.lexicon import LANGUAGES, MARKED, any_of, lexicon, marker_pattern
from synth.text.tokens import word_count

# Nouns that always mean the text itself after "the": "the passage" rarely means anything else.
_SURE: Final = (
    r"(?:(?:given |provided |above |source |original |reading )?(?:text|passage|excerpt|article"
    r"|transcript|extract|snippet|paragraph))"
)
# A word in capitals is a placeholder for a list of `lexicons/en.yaml`, or for the nouns above.
_ENGLISH: Final = (
    r"\b(?:above|aforementioned|preceding|previous|attached|enclosed|provided|supplied"
    r"|given)[- ](?:mentioned )?TEXT\b(?! (?:of|for) (?:a|an|each|any)\b)",
    r"\bTEXT (?:above|below|provided|given|supplied|attached|at hand|in question|you (?:were|are)"
    r" given|you (?:just )?read)\b",
    r"\b(?:from|in|on|per|using|with|by|to|of|about|within|throughout) th(?:e|is|ese) SURE\b(?!"
    r" (?:field|box|editor|area|node|element|input|file|size|format|color|colour|column|layer|message"
    r"|messages|tag|tab|processor|mode|style|styles|widget|of the (?:law|treaty|act|constitution"
    r"|bill))\b)",
    r"\b(?:according to|based on|as per|in light of|drawing on|relying on|referring to|in reference"
    r" to) (?:the|this|these|that) (?:\w+ )?TEXT(?! (?:of|by|on|from|for|about|in) (?:the"
    r" )?[A-Z0-9])",
    r"\b(?:this|these) (?:TEXT|chapter)\b(?=[,?.!]|$| VERBS\b| about\b| in\b| is (?:about"
    r"|trying)\b)",
    r"\b(?:the|this) (?:SURE|authors?|writers?|narrator|speaker|interviewee|document|report|study"
    r"|researchers|story|poem|essay|chapter|section) (?:\w+ly )?VERBS\b",
    r"\b(?:do|does|did|is|was|are|were|can|could|would|might|has|have) (?:the|this) (?:SURE"
    r"|authors?|writers?|narrator|speaker|interviewee|document|report|study|researchers|story|poem"
    r"|essay|chapter|section) (?:\w+ly )?(?:VERBS|say|think|feel|want|consider|make|draw|try"
    r"|trying|about|convey|reach|find|seem|mean|like|saying|arguing|conclude|observe|discover|see"
    r"|view|attribute|ask|call|begin|end|open|close)\b",
    r"\b(?:the|this) (?:author|writer|narrator|speaker)(?:['’]s?)? (?:\w+ )?(?:main |central |overall"
    r" )?(?:point|view|opinion|argument|attitude|purpose|tone|perspective|position|message|thesis"
    r"|intention|stance|claim|claims|reasoning|conclusion|experience|recommendation)s?\b",
    r"\b(?:as|that (?:is|are|was|were)|which (?:is|are|was|were)|those|items|steps|methods|reasons"
    r"|factors|points|examples|benefits) SAID (?:above|below|here|earlier|previously|in (?:the"
    r"|this) \w+|by the (?:author|writer|speaker))\b",
    r"\b(?:is|are|was|were|being|been) SAID (?:above|here|earlier|previously|in (?:the|this)"
    r" TEXT|by the (?:author|writer|speaker))\b",
    r"\b(?:mentioned|described|discussed|stated|listed|outlined|shown|given|provided|presented)"
    r" (?:above|here|earlier|in (?:the|this) TEXT)\b",
    r"\bwhat (?:is|are|was|were) (?:\w+ )?(?:mentioned|stated|discussed)\??$",
    r"\b(?:see|read|refer to|look at|consult|use|review|study|analy[sz]e|summari[sz]e|paraphrase"
    r"|translate|rewrite|rephrase|proofread|critique|condense|shorten) (?:the|this)"
    r" TEXT\b(?=[,.?!]| (?:and|in|into|to|for|below|above|carefully|so|using|then|as|with)\b|$)",
    r"\bthe (?:following|below) TEXT\b",
    r"\b(?:do|does|did|is|was|would|might|can) (?:the|this) (?:author|writer|narrator|speaker"
    r"|interviewee|passage)\b(?! (?:of|field|tag|name|attribute|column|page)\b)",
    r"\b(?:in|from|of|by) the (?:first|second|third|fourth|fifth|last|final|opening|closing)"
    r" (?:paragraph|passage|sentence|section|stanza)\b(?! of)",
    r"\b(?:best|accurately|correctly|briefly) (?:summari[sz]es?|describes?|captures?|reflects?"
    r"|expresses) the (?:SURE)\b",
    r"\b(?:the|these|those|this) [^.?!,]{1,40} (?:above|below|overleaf)(?=[.?!,]|$)",
    r"\b(?:information|details?|data|facts|figures|evidence|numbers|clues|examples?|points?) (?:in"
    r"|from|given in|of) (?:the|this) (?:TEXT|chart|graph|diagram)(?=[.?!,]|$)",
    r"(?:^|[.?!] )(?:from|in|using|based on|with) (?:the|this) (?:TEXT|chart|graph|diagram),",
    r"\b(?:do|does|did) (?:the|this) HELD(?: \w+ly)? (?:VERBS|say|mean|give|tell|recommend"
    r"|advise|warn|show|cover|report|instruct|require|set)\b",
    r"\b(?:who (?:wrote|is the author of)|when was|where was|why was) (?:the|this|that) (?:HELD"
    r"|text|article|document|passage|story|poem)(?: written| published)?(?=[.?!,]|$)",
    r"\b(?:title|summary|gist|main (?:idea|point|topic|theme|message)|key (?:points?|takeaways?"
    r"|ideas?)|theme|tone|purpose|topic|subject|moral) (?:of|from|in|for) (?:the|this) TEXT\b(?!"
    r" (?:of|by|on|to|for|about) (?:the )?[A-Z\"“‘'])",
)  # fmt: skip
# "What is it?" has a pronoun without a noun. "How is it possible to ..." explains it afterwards.
_DEIXIS: Final = re.compile(
    r"^(?:so |and |but |then |also,? )?(?:(?:what|why|how|when|where|who|which)(?: \w+)? (?:is|are|was"
    r"|were|did|does|do|has|had|have|can|could|would|should|will|might)(?:n['’]t)?"
    r"|(?:is|are|was|were|did|does|do|has|had|can|could|would|should|will)) (?P<pronoun>it|they|he|she"
    r"|this|that|these|those|them)(?P<rest>\b[^.?!]*)",
    re.IGNORECASE,
)
_SOMEBODY: Final = re.compile(r"\b(?:he|she|him|her|his|hers)\b", re.IGNORECASE)
_ASKS: Final = re.compile(
    r"\s*(?:what|why|how|when|where|who|which|did|does|do|is|was|has|had|can|could)\b", re.IGNORECASE
)
_POSSIBLY_NAMED: Final = re.compile(
    r"[A-Z][\w.]+|\b(?:an?|the|my|our|your|each|every|any|some\w*|any\w*|no one|nobody|everyone|who|person"
    r"|child|his or|he or|friend|[a-z]+s['’])\b"
)
_THE_ONES: Final = re.compile(
    r"\b(?:the (?:main character|protagonist|researchers|participants|interviewee|speaker|narrator|two"
    r" (?:men|women|companies|options|groups|authors|brothers|sisters|friends|studies|characters"
    r"|approaches|theories|methods))\b)(?! (?:of|in|from|who|that|between|for)\b)",
    re.IGNORECASE,
)


@cache
def _fine_after() -> re.Pattern[str]:
    """A pattern of what may follow an unexplained pronoun: "is it possible to ..."."""
    return re.compile(rf"^['’]?\s*{any_of(lexicon('en').fine_after_pronoun)}\b", re.IGNORECASE)


@cache
def _vague_thing() -> re.Pattern[str]:
    return re.compile(
        r"\b(?:this|these|that|those|the said|said) (?:particular |specific |same |two |three |four )?"
        rf"{any_of(lexicon('en').vague_nouns)}\b"
        r"(?! (?:of|in which|that|who|where|when|is called|called|named|known)\b)",
        re.IGNORECASE,
    )


@cache
def _references(language: str) -> list[re.Pattern[str]]:
    """Patterns of references to a missing text."""
    if language in MARKED:
        return [marker_pattern("source_references", language)]
    if language not in LANGUAGES:
        return []
    words = lexicon(language)
    if language != "en":
        return [re.compile(rf"\b{any_of(words.source_references)}", re.IGNORECASE)]
    lists = {
        "TEXT": f"{any_of(words.text_nouns)}s?",
        "SURE": _SURE,
        "HELD": any_of(words.held_nouns),
        "VERBS": any_of(words.text_verbs),
        "SAID": any_of(words.said_in_text),
    }
    named = re.compile("|".join(lists))
    return [re.compile(named.sub(lambda name: lists[name[0]], one), re.IGNORECASE) for one in _ENGLISH]


def leans_on_source(instruction: str) -> str | None:
    """The words that refer to a text or thing that the instruction does not include, or None.

    A reference to something included is fine: a colon with some words after it, or a quotation.
    """
    if _brings_its_text(instruction):
        return None
    language = language_of(instruction)
    for pattern in _references(language):
        if (match := pattern.search(instruction)) and not _about_one(instruction, match, language):
            return match.group()
    if language != "en":
        return None
    return _vague(instruction)


def _brings_its_text(instruction: str) -> bool:
    """Whether the request includes a text: eight words on new lines, five after a colon, or a quotation."""
    instruction = instruction.replace("：", ": ")
    _, found, rest = instruction.partition("\n")
    if found and word_count(rest) >= 8:
        return True
    after_colon = instruction.partition(": ")[2] or instruction.partition(":\n")[2]
    if word_count(after_colon) >= 5:
        return True
    return bool(re.search(r"[\"“„«][^\"”“»„«]{20,}[\"”“»]|[「『][^」』]{10,}[」』]|```", instruction))


def _about_one(instruction: str, match: re.Match[str], language: str) -> bool:
    """Whether the text is named or the user's own: "the author of Dune", "the article on Mars that I am
    writing".
    """
    after = instruction[match.end() :]
    if language not in LANGUAGES:
        return False
    link = any_of(lexicon(language).of)
    if re.match(rf"(?:['’]s)? {link} (?:the |a |an |my |our )?[\w\"“‘']", after) and re.search(
        r"aut|writer|narrator|story|poem|essay|report|study|article|speech", match.group(), re.IGNORECASE
    ):
        return True
    before = instruction[: match.start()].lower()
    return bool(
        re.search(r"\b(?:a|an|my|our|your|his|her|their|each|any|every) (?:\w+ )?$", before + " ")
    ) and bool(re.match(r"(?:given|provided|attached|previous|supplied)", match.group(), re.IGNORECASE))


def _vague(instruction: str) -> str | None:
    words = instruction.split()
    if len(words) > 40:
        return None  # long enough to explain its subject
    start = _DEIXIS.match(instruction.strip())
    if start and not _fine_after().match(start["rest"]):
        named = start["pronoun"].lower() in ("this", "that", "these", "those") and re.match(
            r"\s+[a-z]+", start["rest"]
        )
        if not named and not (
            start["pronoun"].lower() == "it" and re.search(r"\b(?:to|that|when|if) \w+", start["rest"])
        ):
            return f"{start.group(0)[: start.end('pronoun') - start.start()]!r} names nothing"
    person = _SOMEBODY.search(instruction)
    asks = _ASKS.match(instruction)
    if person and asks and not _POSSIBLY_NAMED.search(instruction[asks.end() : person.start()]):
        return f"{person.group()!r} is nobody in particular"
    for pattern in (_vague_thing(), _THE_ONES):
        match = pattern.search(instruction)
        if match and not re.search(r"\b(?:a|an|my|our|i|we)\b", instruction[: match.start()], re.IGNORECASE):
            return match.group()
    return None
