"""Finds a model's chatter in other languages than English: a whole first line that announces the answer, and
a last sentence that offers more help.

A first line counts only if it ends with a colon, and says that the text below was rewritten, translated and
so on, or begins like a reply to the request ("Natürlich! ...").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class _Chatter:
    """Patterns of one language: how a reply begins, what announces the text, what it is, and the closers."""

    openers: str
    here: str
    itself: str
    closers: str


_LANGUAGES: Final = {
    "de": _Chatter(
        r"(?:Aber )?(?:natürlich|gerne?|klar|sicher|selbstverständlich|kein Problem|na klar)",
        r"(?:hier (?:ist|sind|kommt|finden Sie|findest du)|unten (?:ist|finden Sie)|anbei)",
        r"(?:überarbeitet|umformuliert|umgeschrieben|korrigiert|verbessert|gekürzt|übersetzt|angepasst"
        r"|aktualisiert|vereinfacht|zusammengefasst|Übersetzung|Zusammenfassung|Umformulierung|Antwort auf"
        r"|gewünschte)",
        r"(?:Lass(?:en Sie)? (?:es )?mich (?:gern |bitte |einfach )?wissen,|Ich hoffe,? (?:das"
        r"|dies) (?:hilft|hat)"
        r"|(?:Wenn|Falls) (?:Sie|du) (?:noch )?(?:weitere|andere|mehr|noch) [^.!?\n]{0,60},"
        r"|Kann ich (?:Ihnen|dir) sonst noch|Gibt es sonst noch etwas,? (?:wobei|womit))",
    ),
    "fr": _Chatter(
        r"(?:Bien sûr|Bien entendu|Certainement|Avec plaisir|Absolument|D'accord|Volontiers|Pas de problème)",
        r"(?:voici|voilà|ci-dessous)",
        r"(?:réécrit|révisé|reformulé|corrigé|amélioré|raccourci|traduit|mise? à jour|simplifié"
        r"|résumé|traduction"
        r"|reformulation|réponse à|demandée?)",
        r"(?:N'hésite[zr]? pas à me |N'hésite pas si|N'hésitez pas si|J'espère que (?:cela|ça|ceci) "
        r"|Si (?:vous avez|tu as) (?:d'autres|des) [^.!?\n]{0,60},"
        r"|Puis-je (?:vous|t')? ?aider (?:avec|pour) autre chose|Y a-t-il autre chose)",
    ),
    "es": _Chatter(
        r"¡?(?:Claro(?: que sí)?|Por supuesto|Desde luego|Con (?:mucho )?gusto|De acuerdo|Sin problema)",
        r"(?:aquí (?:está|tienes|tiene|están|va)|a continuación(?: (?:está|tienes))?)",
        r"(?:reescrit|revisad|reformulad|corregid|mejorad|acortad|traducid|actualizad|simplificad|resumid"
        r"|traducción|resumen|respuesta a|solicitad)",
        r"(?:No dude[sn]? en (?:decirme|preguntar(?:me)?|avisarme|consultarme)|Espero que (?:esto |te |le )+"
        r"|Si (?:tienes|tiene|necesitas|necesita) (?:más|otr|alguna|cualquier) ?[^.!?\n]{0,60},"
        r"|¿(?:Puedo ayudarte|Puedo ayudarle|Hay algo más|Te puedo ayudar|Necesitas algo más))",
    ),
    "it": _Chatter(
        r"(?:Certo|Certamente|Certo che sì|Volentieri|Con piacere|Naturalmente|Nessun problema|Va bene)",
        r"(?:ecco(?:ti|le)?|di seguito|qui sotto)",
        r"(?:riscritt|rivist|riformulat|corrett|migliorat|accorciat|tradott|aggiornat|semplificat|riassunt"
        r"|traduzione|riassunto|risposta al|richiest)",
        r"(?:Fammi sapere se|Mi faccia sapere se|Spero che (?:questo |ti |le |sia )+|Non esit(?:are"
        r"|i) a (?:chieder|far)mi"
        r"|Se (?:hai|ha) (?:altre|ulteriori|bisogno) ?[^.!?\n]{0,60},|Posso aiutar(?:ti|la) con altro)",
    ),
    "pt": _Chatter(
        r"(?:Claro|Com certeza|Certamente|Com prazer|Sem problema|Com todo o gosto)",
        r"(?:aqui (?:está|estão|vai|tens|tem)|a seguir|abaixo está|segue)",
        r"(?:reescrit|revisad|revist|reformulad|corrigid|melhorad|encurtad|traduzid|atualizad"
        r"|simplificad|resumid"
        r"|tradução|resumo|resposta (?:à|ao)|solicitad)",
        r"(?:Não hesite em (?:me |perguntar|perguntar-me)|Espero que (?:isso|isto) |Me avise se"
        r"|Avise-me se|Diga-me se"
        r"|Se (?:tiver|precisar de|você tiver) (?:mais|outr|alguma) ?[^.!?\n]{0,60},"
        r"|Posso ajudar (?:em|com) mais)",
    ),
    "nl": _Chatter(
        r"(?:Natuurlijk|Zeker|Uiteraard|Graag|Met plezier|Geen probleem|Prima)",
        r"(?:hier (?:is|zijn|volgt)|hieronder (?:staat|volgt|vind je|vindt u))",
        r"(?:herschreven|herziene|geherformuleerde|verbeterde|gecorrigeerde|ingekorte|vertaalde|bijgewerkte"
        r"|vereenvoudigde|samengevatte|vertaling|samenvatting|antwoord op|gevraagde)",
        r"(?:Laat (?:het )?(?:me|mij) (?:gerust |even )?weten (?:als|of)|Ik hoop dat (?:dit|het) "
        r"|Als (?:je|u) (?:nog |verder |meer |andere )+[^.!?\n]{0,60},|Kan ik (?:je|u) (?:nog|verder) )",
    ),
}  # fmt: skip

# Japanese and Chinese: no spaces, and the announcement may end with "です".
_DENSE_FIRST_LINES: Final = (
    r"(?:(?:はい|もちろん(?:です)?|承知(?:いた)?しました|かしこまりました|了解(?:です|しました)|わかりました)[、。！!]*\s*)?"
    r"(?:以下(?:が|は|に)|こちら(?:が|は)|次(?:が|は))[^\n。：:]{0,40}"
    r"(?:修正|書き直|書き換え|言い換え|翻訳|訳|要約|添削|校正|改善|短く|ご依頼|ご要望|回答|答え)[^\n。：:]{0,20}[。]?[：:]?",
    r"(?:(?:好的|当然(?:可以)?|當然(?:可以)?|没问题|沒問題|可以)[，,。！!]*\s*)?"
    r"(?:以下|下面|这)(?:是|为)[^\n。：:]{0,30}"
    r"(?:修改|改写|重写|润色|翻译|译文|总结|摘要|缩短|更新|优化|简化|回答|答案|版本)[^\n。：:]{0,15}[：:]",
)  # fmt: skip
_DENSE_CLOSERS: Final = (
    r"(?:(?:他に|ほかに|何か|もし|さらに)[^。！!？?\n]{0,30})?(?:ご不明|ご質問|お困り|質問)[^。！!？?\n]{0,40}"
    r"(?:お知らせ|お尋ね|お聞かせ|お申し付け|お気軽に|聞いて)[^。！!？?\n]{0,20}(?:ください(?:ませ|ね)?|ください)",
    r"(?:この(?:回答|情報|内容)が|これが|ご?参考に|お役に)[^。！!？?\n]{0,20}(?:なれば|立てば|立てれば|できれば)(?:幸い|嬉しい|うれしい)(?:です|に存じます)",
    r"希望(?:这|以上|這|我的)?[^。！!？?\n]{0,20}(?:有所?帮助|有所?幫助|帮到[你您])",
    r"(?:如果|如)[你您]?[^。！!？?\n]{0,15}(?:其他|任何|更多|其它|还有|需要)[^。！!？?\n]{0,20}[，,]?(?:请|欢迎)?随时[^。！!？?\n]{0,20}",
)  # fmt: skip


def _first_line(chatter: _Chatter) -> str:
    opener = rf"(?P<opener>{chatter.openers})\s*[!,.–-]+\s*"
    return rf"(?:(?:{opener})?{chatter.here}\b[^\n.!?:]{{0,50}}{chatter.itself}[^\n.!?:]{{0,60}}:)"


def _opened_line(chatter: _Chatter) -> str:
    return rf"(?:{chatter.openers}\s*[!,.–-]+\s*{chatter.here}\b[^\n.!?:]{{0,100}}:)"


_FIRST_LINES: Final = [
    re.compile(rf"\s*(?:\*\*)?{pattern}(?:\*\*)?[ \t]*\n\s*(?=\S)", re.IGNORECASE)
    for pattern in (
        *(_first_line(chatter) for chatter in _LANGUAGES.values()),
        *(rf"(?:{pattern})" for pattern in _DENSE_FIRST_LINES),
    )
]
# Such a line may also introduce the answer, so what is below must stand alone, as in English.
_OPENED_LINES: Final = [
    re.compile(rf"\s*{_opened_line(chatter)}[ \t]*\n\s*(?=\S)", re.IGNORECASE)
    for chatter in _LANGUAGES.values()
]
_EMOJI: Final = "[ ]*[\U0001f300-\U0001faff\u2600-\u27bf\ufe0f]*"
_LAST_SENTENCES: Final = [
    *(
        re.compile(rf"(?:(?<=[.!?)\]\"”»*])[ ]+|\n\s*)(?:{chatter.closers})[^.!?\n]{{0,120}}[.!?]+{_EMOJI}\Z")
        for chatter in _LANGUAGES.values()
    ),
    *(
        re.compile(rf"(?:(?<=[。！？!?」』）)])\s*|\n\s*)(?:{pattern})[。！!]*{_EMOJI}\Z")
        for pattern in _DENSE_CLOSERS
    ),
]


def first_line(text: str) -> int:
    """The length of a first line that only announces the text, or 0."""
    return next((match.end() for pattern in _FIRST_LINES if (match := pattern.match(text))), 0)


def opened_line(text: str) -> int:
    """The length of a first line that agrees to answer and announces something, or 0."""
    return next((match.end() for pattern in _OPENED_LINES if (match := pattern.match(text))), 0)


def last_sentence(text: str, start: int) -> int | None:
    """The position after `start` of a last sentence that offers more help, or None."""
    return next(
        (match.start() for pattern in _LAST_SENTENCES if (match := pattern.search(text, start))), None
    )
