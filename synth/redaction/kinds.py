"""The kinds of personal data that are replaced."""

from __future__ import annotations

from synth.reasons import Action


class DataKind(Action):
    """The kind of a value. The history of a row lists the kinds that were replaced in it."""

    EMAIL = "email", "an e-mail address was replaced"
    PHONE = "phone", "a telephone number was replaced"
    CARD = "card", "a card number was replaced"
    ACCOUNT = "account", "an IBAN, a routing number or an account number was replaced"
    NAME = "name", "a name on your list was replaced"
