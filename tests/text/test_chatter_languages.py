"""Preambles and closers in other languages than English, and answers that only look like them."""

from __future__ import annotations

import pytest

from synth.text.standardise.chatter import strip_closer, strip_preamble

_BODY = {
    "de": "Wir bedauern die Verzögerung.",
    "fr": "Nous regrettons le retard.",
    "es": "Lamentamos el retraso.",
    "it": "Ci scusiamo per il ritardo.",
    "pt": "Lamentamos o atraso.",
    "nl": "Onze excuses voor de vertraging.",
    "ja": "ご迷惑をおかけして申し訳ございません。",
    "zh": "很抱歉给您带来不便。",
}


@pytest.mark.parametrize(
    ("language", "preamble"),
    [
        ("de", "Natürlich! Hier ist der überarbeitete Text:"),
        ("de", "Gerne, hier ist die korrigierte Version Ihrer E-Mail:"),
        ("de", "Hier ist die Übersetzung ins Deutsche:"),
        ("fr", "Bien sûr ! Voici le texte réécrit :"),
        ("fr", "Voici la version corrigée de votre message :"),
        ("es", "¡Claro! Aquí tienes el texto revisado:"),
        ("es", "Aquí está la traducción al español:"),
        ("it", "Certo! Ecco il testo riscritto:"),
        ("it", "Ecco la traduzione in italiano:"),
        ("pt", "Claro! Aqui está o texto revisado:"),
        ("pt", "Aqui está a tradução para o português:"),
        ("nl", "Natuurlijk! Hier is de herschreven tekst:"),
        ("nl", "Hier is de vertaling in het Nederlands:"),
        ("ja", "もちろんです！以下が修正した文章です："),
        ("ja", "承知しました。以下に翻訳を示します。"),
        ("ja", "こちらが書き直した文章です："),
        ("zh", "当然可以！以下是修改后的文本："),
        ("zh", "好的，以下是翻译："),
        ("zh", "下面是润色后的版本："),
    ],
)
def test_a_preamble_goes(language: str, preamble: str) -> None:
    body = _BODY[language]
    assert strip_preamble(f"{preamble}\n\n{body}") == body
    assert strip_preamble(preamble) == preamble, "never the whole text"


@pytest.mark.parametrize(
    "text",
    [
        "Natürlich können Sie das innerhalb von 30 Tagen zurückgeben.",
        "Hier sind die Öffnungszeiten:\nMontag bis Freitag, 9 bis 18 Uhr",
        "Hier ist Ihre Rechnung:\nBetrag: 19 €",
        "Klar, das geht. Öffnen Sie die Einstellungen:\n1. Konto\n2. Plan",
        "Bien sûr, vous pouvez le rendre sous 30 jours.",
        "Voici les étapes :\n1. Ouvrez les réglages.\n2. Choisissez un plan.",
        "Claro, puede devolverlo en 30 días.",
        "Aquí están los precios:\nSolo: gratis",
        "Certo, può restituirlo entro 30 giorni.",
        "Ecco gli orari:\nlunedì 9-18",
        "Claro, pode devolver em 30 dias.",
        "Natuurlijk kan dat binnen 30 dagen.",
        "Hier zijn de prijzen:\nSolo: gratis",
        "もちろん、30日以内なら返品できます。",
        "以下の手順で設定してください：\n1. 設定を開く\n2. 保存する",
        "以下のとおりです。\n月曜日 9時から18時",
        "当然可以，30天内都能退货。",
        "以下是营业时间：\n周一至周五",
        "可以。下面是步骤：\n1. 打开设置",
    ],
)
def test_an_answer_stays(text: str) -> None:
    assert strip_preamble(text) == text
    assert strip_closer(text) == text


@pytest.mark.parametrize(
    ("language", "closer"),
    [
        ("de", "Lassen Sie mich wissen, wenn Sie weitere Fragen haben!"),
        ("de", "Ich hoffe, das hilft Ihnen weiter."),
        ("fr", "N'hésitez pas à me poser d'autres questions."),
        ("fr", "J'espère que cela vous aide !"),
        ("es", "Espero que esto te ayude."),
        ("es", "Si tienes más preguntas, no dudes en decírmelo."),
        ("it", "Fammi sapere se hai altre domande!"),
        ("it", "Spero che questo ti sia utile."),
        ("pt", "Espero que isso ajude!"),
        ("pt", "Se tiver mais dúvidas, é só perguntar."),
        ("nl", "Laat het me gerust weten als je nog vragen hebt!"),
        ("nl", "Ik hoop dat dit helpt."),
        ("ja", "他にご不明な点がございましたら、お気軽にお知らせください。"),
        ("ja", "お役に立てれば幸いです。"),
        ("zh", "希望这对您有所帮助！"),
        ("zh", "如果您还有其他问题，请随时告诉我。"),
    ],
)
def test_a_closer_goes(language: str, closer: str) -> None:
    body = _BODY[language]
    for gap in (" " if body.isascii() or "。" not in body else "", "\n\n"):
        assert strip_closer(f"{body}{gap}{closer}") == body
    assert strip_closer(closer) == closer, "never the whole text"


@pytest.mark.parametrize(
    "text",
    [
        "Öffnen Sie das Menü. Wenn Sie zwei Konten haben, wählen Sie eines.",
        "Das Paket ist unterwegs. Ich hoffe auf Ihr Verständnis.",
        "Le colis est en route. N'hésitez pas à nous appeler au 01 23 45 67 89.",
        "El paquete va en camino. Si tiene un número de pedido, escríbalo aquí.",
        "Apra il menu. Se ha due account, ne scelga uno.",
        "Open het menu. Als u twee accounts hebt, kies er één.",
        "設定を開きます。ご質問の番号を入力してください。",
        "打开设置。如果有两个账户，请选择一个。",
    ],
)
def test_advice_at_the_end_stays(text: str) -> None:
    assert strip_closer(text) == text
