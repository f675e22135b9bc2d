"""Why a model's reply is not usable, for all stages that send requests."""

from __future__ import annotations

from synth.isolated.reasons import LimitReason
from synth.reasons import Reason


class ReplyReason(Reason):
    """Why the last of `attempts` replies is unusable."""

    CUT = "cut", "the last of `attempts` replies was cut at `max_tokens`"
    EMPTY = "empty", "the reply is empty, or a text in it is"
    UNREADABLE = "unreadable", "the server's reply is not a chat completion"
    UNPARSABLE = "unparsable", "the last of `attempts` replies is not a JSON object"
    OFF_SCHEMA = "off_schema", "the last of `attempts` replies does not match the schema of the prompt"


class JudgeReason(Reason):
    """Why the reply of a scoring judge is unusable."""

    NO_SCORE = "no_score", "no reply of the judge contains a score, after `attempts` tries"


# The possible faults of a text reply, and of a JSON reply.
TEXT_REPLY = (ReplyReason.CUT, ReplyReason.EMPTY, ReplyReason.UNREADABLE)
OBJECT_REPLY = (*TEXT_REPLY, ReplyReason.UNPARSABLE, ReplyReason.OFF_SCHEMA, *LimitReason)
