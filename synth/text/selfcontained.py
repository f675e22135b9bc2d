"""Whether an instruction can be understood alone, or leans on a text that whoever answers it does not have.

A model that is shown a text and asked for an instruction likes to point at it: "What does the author argue in
the passage above?" Trained on, that teaches to answer about texts that are not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from synth.text.languages import language_of

_TEXT: Final = (
    r"(?:text|passage|article|excerpt|extract|snippet|paragraphs?|document|context|essay|blog ?post|post"
    r"|transcript"
    r"|story|report|section|chapter|page|review|letter|message|email|conversation|dialogue|material"
    r"|content|source"
    r"|manual|guide|handbook|policy|notice|information|details|description|table|figure|example|list|code"
    r"|statement"
    r"|reading|lecture|interview|speech|poem|press release|memo|study|paper|abstract|summary|data"
    r"|instructions"
    r"|announcement|narrative|scenario|quote|quotation|sentence)s?"
)
# Nouns that mean the text itself wherever they follow "the": nobody says "the passage" of anything else.
_SURE: Final = (
    r"(?:(?:given |provided |above |source |original |reading )?(?:text|passage|excerpt|article"
    r"|transcript|extract|snippet|paragraph))"
)
_HELD: Final = (
    r"guide|manual|handbook|letter|review|notice|policy|memo|chart|table|figure|graph|diagram"
    r"|email|brochure|leaflet|contract|recipe|case study|transcript|interview|summary|statement|post"
)
_VERBS: Final = (
    r"(?:says?|states?|mentions?|describes?|explains?|argues?|suggests?|discuss(?:es)?|claims?|notes?"
    r"|implies|impl(?:y|ied)|lists?"
    r"|refers?|recommends?|identif(?:y|ies)|outlines?|presents?|provides?|gives?|means?|proposes?|defines?"
    r"|warns?|advises?|tells?|emphasi[sz]es?"
    r"|covers?|addresses|conveys?|highlights?|concludes?|compares?|portrays?|depicts?|use[sd]?|believes?"
    r"|cites?|touch(?:es)? on)"
)
_SAID: Final = (
    r"(?:mentioned|described|discussed|stated|listed|outlined|explained|shown|given|provided|presented"
    r"|referred to|referenced"
    r"|cited|noted|quoted|defined|highlighted|specified|contained|detailed|introduced)"
)
_ENGLISH: Final = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:above|aforementioned|preceding|previous|attached|enclosed|provided|supplied"
        rf"|given)[- ](?:mentioned )?{_TEXT}\b(?! (?:of|for) (?:a|an|each|any)\b)",
        rf"\b{_TEXT} (?:above|below|provided|given|supplied|attached|at hand|in question|you (?:were|are)"
        rf" given|you (?:just )?read)\b",
        rf"\b(?:from|in|on|per|using|with|by|to|of|about|within|throughout) th(?:e|is|ese) {_SURE}\b(?!"
        rf" (?:field|box|editor|area|node|element|input|file|size|format|color|colour|column|layer|message"
        rf"|messages|tag|tab|processor|mode|style|styles|widget|of the (?:law|treaty|act|constitution"
        rf"|bill))\b)",
        rf"\b(?:according to|based on|as per|in light of|drawing on|relying on|referring to|in reference"
        rf" to) (?:the|this|these|that) (?:\w+ )?{_TEXT}(?! (?:of|by|on|from|for|about|in) (?:the"
        rf" )?[A-Z0-9])",
        rf"\b(?:this|these) (?:{_TEXT}|chapter)\b(?=[,?.!]|$| {_VERBS}\b| about\b| in\b| is (?:about"
        rf"|trying)\b)",
        rf"\b(?:the|this) (?:{_SURE}|authors?|writers?|narrator|speaker|interviewee|document|report|study"
        rf"|researchers|story|poem|essay|chapter|section) (?:\w+ly )?{_VERBS}\b",
        rf"\b(?:do|does|did|is|was|are|were|can|could|would|might|has|have) (?:the|this) (?:{_SURE}"
        rf"|authors?|writers?|narrator|speaker|interviewee|document|report|study|researchers|story|poem"
        rf"|essay|chapter|section) (?:\w+ly )?(?:{_VERBS}|say|think|feel|want|consider|make|draw|try"
        rf"|trying|about|convey|reach|find|seem|mean|like|saying|arguing|conclude|observe|discover|see"
        rf"|view|attribute|ask|call|begin|end|open|close)\b",
        r"\b(?:the|this) (?:author|writer|narrator|speaker)(?:['’]s?)? (?:\w+ )?(?:main |central |overall"
        r" )?(?:point|view|opinion|argument|attitude|purpose|tone|perspective|position|message|thesis"
        r"|intention|stance|claim|claims|reasoning|conclusion|experience|recommendation)s?\b",
        rf"\b(?:as|that (?:is|are|was|were)|which (?:is|are|was|were)|those|items|steps|methods|reasons"
        rf"|factors|points|examples|benefits) {_SAID} (?:above|below|here|earlier|previously|in (?:the"
        rf"|this) \w+|by the (?:author|writer|speaker))\b",
        rf"\b(?:is|are|was|were|being|been) {_SAID} (?:above|here|earlier|previously|in (?:the|this)"
        rf" {_TEXT}|by the (?:author|writer|speaker))\b",
        rf"\b(?:mentioned|described|discussed|stated|listed|outlined|shown|given|provided|presented)"
        rf" (?:above|here|earlier|in (?:the|this) {_TEXT})\b",
        r"\bwhat (?:is|are|was|were) (?:\w+ )?(?:mentioned|stated|discussed)\??$",
        rf"\b(?:see|read|refer to|look at|consult|use|review|study|analy[sz]e|summari[sz]e|paraphrase"
        rf"|translate|rewrite|rephrase|proofread|critique|condense|shorten) (?:the|this)"
        rf" {_TEXT}\b(?=[,.?!]| (?:and|in|into|to|for|below|above|carefully|so|using|then|as|with)\b|$)",
        rf"\bthe (?:following|below) {_TEXT}\b",
        r"\b(?:do|does|did|is|was|would|might|can) (?:the|this) (?:author|writer|narrator|speaker"
        r"|interviewee|passage)\b(?! (?:of|field|tag|name|attribute|column|page)\b)",
        r"\b(?:in|from|of|by) the (?:first|second|third|fourth|fifth|last|final|opening|closing)"
        r" (?:paragraph|passage|sentence|section|stanza)\b(?! of)",
        rf"\b(?:best|accurately|correctly|briefly) (?:summari[sz]es?|describes?|captures?|reflects?"
        rf"|expresses) the (?:{_SURE})\b",
        r"\b(?:the|these|those|this) [^.?!,]{1,40} (?:above|below|overleaf)(?=[.?!,]|$)",
        rf"\b(?:information|details?|data|facts|figures|evidence|numbers|clues|examples?|points?) (?:in"
        rf"|from|given in|of) (?:the|this) (?:{_TEXT}|chart|graph|diagram)(?=[.?!,]|$)",
        rf"(?:^|[.?!] )(?:from|in|using|based on|with) (?:the|this) (?:{_TEXT}|chart|graph|diagram),",
        rf"\b(?:do|does|did) (?:the|this) (?:{_HELD})(?: \w+ly)? (?:{_VERBS}|say|mean|give|tell|recommend"
        rf"|advise|warn|show|cover|report|instruct|require|set)\b",
        rf"\b(?:who (?:wrote|is the author of)|when was|where was|why was) (?:the|this|that) (?:{_HELD}"
        rf"|text|article|document|passage|story|poem)(?: written| published)?(?=[.?!,]|$)",
        rf"\b(?:title|summary|gist|main (?:idea|point|topic|theme|message)|key (?:points?|takeaways?"
        rf"|ideas?)|theme|tone|purpose|topic|subject|moral) (?:of|from|in|for) (?:the|this) {_TEXT}\b(?!"
        rf" (?:of|by|on|to|for|about) (?:the )?[A-Z\"“‘'])",
    )
]  # fmt: skip
_OTHERS: Final[Mapping[str, str]] = {
    "de": r"\b(?:(?:im|aus dem|laut(?: dem)?|gemäß dem|nach dem|in diesem|des|dem|der|den|das) (?:\w+en"
    r" )?(?:text(?:es|s)?|artikels?|abschnitts?|absatz(?:es)?|auszugs?|textstelle|passage)\b"
    r"|(?:der|die|des|dem) (?:autor(?:in|s)?|verfasser(?:in|s)?|erzähler(?:in|s)?)\b"
    r"|(?:oben|vorher|zuvor|hier) (?:genannt|erwähnt|beschrieben|stehend|aufgeführt|dargestellt)\w*"
    r"|(?:obige|vorliegende|vorstehende|folgende|beigefügte)[nmrs]? (?:text|artikel|dokument|abschnitt"
    r"|auszug)\w*|dieser? (?:text|artikel|abschnitt|studie))",
    "fr": r"\b(?:(?:dans|selon|d['’]après|de) (?:le|la|l['’]|ce|cet|cette) ?(?:texte|passage|article"
    r"|extrait|document|paragraphe)\b|(?:texte|passage|article|extrait|document) (?:ci-dessus|ci-dessous"
    r"|ci-joint|fourni|donné|précédent|suivant)"
    r"|(?:l['’]auteure?|le narrateur|la narratrice)\b|ci-dessus|mentionnée?s? (?:plus haut|ci-dessus)"
    r"|(?:ce|cet) (?:texte|article|passage|extrait))",
    "es": r"\b(?:(?:en|según|del?|de acuerdo con) (?:el |la |este |esta )?(?:texto|pasaje|artículo"
    r"|fragmento|extracto|párrafo|documento)\b|(?:texto|pasaje|artículo|fragmento|documento) (?:anterior"
    r"|proporcionado|dado|adjunto|siguiente|de arriba)"
    r"|(?:el|la) (?:autora?|narradora?)\b|(?:mencionad|descrit|citad)[oa]s? (?:arriba|anteriormente|en"
    r" (?:el|este))|este (?:texto|artículo|pasaje|fragmento))",
    "it": r"\b(?:(?:nel|del|dal|secondo il|in questo|secondo l['’]|nell['’]|dell['’]) ?(?:testo|brano"
    r"|articolo|passaggio|estratto|documento|paragrafo)\b|(?:testo|brano|articolo) (?:sopra|precedente"
    r"|fornito|seguente|allegato)"
    r"|(?:l['’]autore|l['’]autrice|il narratore)\b|(?:menzionat|descritt|citat)[oaie] (?:sopra|nel testo)"
    r"|questo (?:testo|articolo|brano))",
    "pt": r"\b(?:(?:no|do|segundo o|de acordo com o|neste|deste) (?:texto|trecho|artigo|documento"
    r"|parágrafo)\b|(?:texto|trecho|artigo) (?:acima|anterior|fornecido|dado|a seguir)|[oa] (?:autora?"
    r"|narradora?)\b|(?:mencionad|descrit|citad)[oa]s? acima|este (?:texto|artigo|trecho))",
    "nl": r"\b(?:(?:in|volgens|uit|van) (?:de|het|deze|dit) (?:tekst|passage|artikel|fragment|alinea"
    r"|document)\b|(?:de|het) (?:auteur|schrijver|verteller)\b|(?:hierboven|eerder) (?:genoemd|vermeld"
    r"|beschreven)\w*|bovenstaande|onderstaande|(?:deze tekst|dit artikel))",
}  # fmt: skip
_BELOW: Final = re.compile(
    r"\b(?:following|below|folgend\w*|unten\w*|suivant\w*|ci-dessous|siguiente|seguente|a seguir"
    r"|onderstaande)\b",
    re.IGNORECASE,
)
# "What is it?": a pronoun for something nobody has named. "How is it possible to ..." names it afterwards.
_DEIXIS: Final = re.compile(
    r"^(?:so |and |but |then |also,? )?(?:(?:what|why|how|when|where|who|which)(?: \w+)? (?:is|are|was"
    r"|were|did|does|do|has|had|have|can|could|would|should|will|might)(?:n['’]t)?"
    r"|(?:is|are|was|were|did|does|do|has|had|can|could|would|should|will)) (?P<pronoun>it|they|he|she"
    r"|this|that|these|those|them)(?P<rest>\b[^.?!]*)",
    re.IGNORECASE,
)
_FINE_AFTER: Final = re.compile(
    r"^['’]?\s*(?:that|to\b|been|like|possible|true|important|better|best|safe|legal|illegal|ok|okay|worth"
    r"|necessary|normal|common|hard|easy|difficult|bad|good|wrong|rude|healthy|ethical|cheaper|too late"
    r"|take|mean|feel|make sense|matter|cost|rain|snow|people say|call|ever|customary|polite|allowed"
    r"|advisable|recommended|considered|in \w+ (?:now|today)|already)\b",
    re.IGNORECASE,
)
_VAGUE: Final = re.compile(
    r"\b(?:this|these|that|those|the said|said) (?:particular |specific |same |two |three |four"
    r" )?(?:company|companies|event|events|incident|person|man|woman|character|characters|study|studies"
    r"|finding|findings|research|researchers|experiment"
    r"|organi[sz]ation|decision|author|writer|situation|scenario|case|individual|individuals|location"
    r"|region|period|era|group|approach|concept|theory|phenomenon|discovery|meeting|procedure|project"
    r"|author|people|changes?|results?|statement|claim|argument|conclusion|topic|subject)\b"
    r"(?! (?:of|in which|that|who|where|when|is called|called|named|known)\b)",
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


def leans_on_source(instruction: str) -> str | None:
    """The words with which it points at a text or a thing that it does not hold, or None.

    Pointing at something that comes with it is fine: a colon and some words after it, or a quotation.
    """
    if _brings_its_text(instruction):
        return None
    language = language_of(instruction)
    patterns = _ENGLISH if language == "en" else [re.compile(_OTHERS[language], re.IGNORECASE)]
    for pattern in patterns:
        if (match := pattern.search(instruction)) and not _about_one(instruction, match):
            return match.group()
    if language != "en":
        return None
    return _vague(instruction)


def _brings_its_text(instruction: str) -> bool:
    """Whether a text follows the request: after a line end or a colon, at least eight words, or a"
    " quotation."""
    _, found, rest = instruction.partition("\n")
    if found and len(rest.split()) >= 8:
        return True
    after_colon = instruction.partition(": ")[2] or instruction.partition(":\n")[2]
    if len(after_colon.split()) >= 5:
        return True
    return bool(re.search(r"[\"“„«][^\"”“»„«]{20,}[\"”“»]|```", instruction))


def _about_one(instruction: str, match: re.Match[str]) -> bool:
    """ "The author of Dune", "the article on Mars that I am writing": a text that is named or one's own."""
    after = instruction[match.end() :]
    links = {
        "de": "von|des",
        "nl": "van",
        "it": "di|del|della",
        "en": "of|by|from|called|titled|named|entitled",
    }
    link = links.get(language_of(instruction), "de|du|del|do|da")
    if re.match(rf"(?:['’]s)? (?:{link}) (?:the |a |an |my |our )?[\w\"“‘']", after) and re.search(
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
        return None  # long enough to have said what it is about
    start = _DEIXIS.match(instruction.strip())
    if start and not _FINE_AFTER.match(start["rest"]):
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
    for pattern in (_VAGUE, _THE_ONES):
        match = pattern.search(instruction)
        if match and not re.search(r"\b(?:a|an|my|our|i|we)\b", instruction[: match.start()], re.IGNORECASE):
            return match.group()
    return None
