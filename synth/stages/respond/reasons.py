"""The reasons and actions of `respond`."""

from __future__ import annotations

from synth.reasons import Action, Reason


class RespondReason(Reason):
    """Why a row has no answer."""

    NO_CANDIDATE = "no_candidate", "none of the `n` replies is usable, and the row had no answer"
    SAME_QUESTION = "same_question", "the simulated user repeats a message"
    QUOTE_NOT_FOUND = "quote_not_found", "no reply quotes a sentence of a passage (`grounded`)"
    UNSUPPORTED = "unsupported", "the answer has a fact that no passage has (`grounded`)"
    NOT_IN_CONTEXT = "not_in_context", "no passage supports an answer (`grounded`)"


class RespondAction(Action):
    """What happened to a row."""

    GOAL = "goal", "a model wrote the goal of the simulated user"
    DONE = "done", "the simulated user has reached its goal or gives up: the conversation ends"
    FOLLOWED_UP = "followed_up", "a model wrote the user's next message"
    ANSWERED_ANEW = "answered_anew", "every answer of the conversation was generated again"
    NO_CANDIDATE = "no_candidate", "one of the `n` replies is not usable"
    NO_ANSWER = "no_answer", "no reply is usable; the row comes from people, so it stays"
    GROUNDED = "grounded", "the answer is supported by these quotes from the passages"
    NOT_IN_CONTEXT = "not_in_context", "no passage supports an answer, and the answer says so"
