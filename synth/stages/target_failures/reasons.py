"""Why `target_failures` drops drafts."""

from __future__ import annotations

from synth.reasons import Action, Reason


class TargetFailuresReason(Reason):
    """Why a new row is dropped."""

    NOT_NOVEL = (
        "not_novel",
        "the request is too similar to a seed, a failure or an earlier draft (ROUGE-L, `novelty`)",
    )
    BAD_ANSWER = "bad_answer", "the new answer equals the bad one"
    UNKNOWN = "unknown", "the writer does not know the right answer to the failed request"
    UNSUPPORTED = (
        "unsupported",
        "the answer states something that neither the documents and facts nor the failure hold",
    )

    @property
    def is_copy(self) -> bool:
        return self is TargetFailuresReason.NOT_NOVEL


class TargetFailuresAction(Action):
    """What happened to a new row."""

    SHOWN = "shown", "the writer saw these passages and facts"
