"""Why `target_failures` drops drafts."""

from __future__ import annotations

from synth.reasons import Reason


class TargetFailuresReason(Reason):
    """Why a new row is dropped."""

    NOT_NOVEL = (
        "not_novel",
        "the request is too similar to a seed, a failure or an earlier draft (ROUGE-L, `novelty`)",
    )
    BAD_ANSWER = "bad_answer", "the new answer equals the bad one"

    @property
    def is_copy(self) -> bool:
        return self is TargetFailuresReason.NOT_NOVEL
