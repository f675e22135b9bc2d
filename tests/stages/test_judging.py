"""Scores and yes/no verdicts are read from log-probabilities and from text, with the same result."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import pytest
from desks import EmptyJournal

from synth.conversation import Conversation
from synth.llm.base import Reply, Request, TokenChoice
from synth.llm.budget import BudgetLedger
from synth.llm.fake.client import FakeClient
from synth.llm.model import Model
from synth.prompts import read_prompt
from synth.recipe.base import Sampling
from synth.row import Lineage, Row
from synth.stages.asking import Unusable
from synth.stages.context import KnownJudges
from synth.stages.evolve.reasons import EvolveAction
from synth.stages.judging import YesNoJudge
from synth.stages.verdicts import chance_of_truth, level_chances, level_in
from tests.stages.score_readings import ANSWERS, LEVELS, SPLITS, expected, reply, written


def token(text: str, **shares: float) -> TokenChoice:
    top = {level.strip("_"): math.log(share) for level, share in shares.items()}
    return TokenChoice(text, top.get(text, math.log(0.5)), top)


def test_there_are_enough_answers_of_every_kind() -> None:
    assert len(ANSWERS) >= 36
    assert list(ANSWERS.values()).count(None) >= 20


@pytest.mark.parametrize("text", ANSWERS)
def test_the_number_as_written(text: str) -> None:
    assert written(text) == ANSWERS[text]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("text", ANSWERS)
def test_tokens_give_the_same_level(text: str, split: str) -> None:
    """The judge is 95% sure of each of its digits, so the expectation is within .2 of the level."""
    found = expected(reply(text, SPLITS[split]))
    assert found == (None if ANSWERS[text] is None else pytest.approx(ANSWERS[text], abs=0.2))


@pytest.mark.parametrize("split", SPLITS)
def test_the_splits_spell_the_answers(split: str) -> None:
    assert all("".join(SPLITS[split](text)) == text for text in ANSWERS)


def graded(*tokens: TokenChoice, text: str | None = None) -> tuple[float, float]:
    answer = Reply("".join(t.token for t in tokens) if text is None else text, logprobs=tokens)
    chances = level_chances(answer, level_in(answer, "score", LEVELS), LEVELS)
    return chances.mean, chances.mass


def test_the_expectation_over_the_levels() -> None:
    score, mass = graded(token("4", _3=0.2, _4=0.6, _5=0.12, _x=0.08))
    assert mass == pytest.approx(0.92)
    assert score == pytest.approx((3 * 0.2 + 4 * 0.6 + 5 * 0.12) / 0.92)


def test_the_first_number_counts_and_not_the_scale() -> None:
    tokens = [token("2", _2=0.9, _1=0.1), token("/", _x=0.1), token("5", _5=0.98, _4=0.02)]
    assert graded(*tokens)[0] == pytest.approx(1.9)


def test_alternatives_are_read_from_the_place_of_the_digit() -> None:
    """A token can hold more than its digit. An alternative that starts in another way is no level."""
    top = {" 4": 0.5, "4": 0.1, " 5": 0.2, "5/": 0.05, " 3.0": 0.05, " 3.5": 0.03, " 45": 0.03, " four": 0.04}
    chosen = TokenChoice(" 4", math.log(0.5), {text: math.log(share) for text, share in top.items()})
    score, mass = graded(token("Score:", _x=0.1), chosen)
    assert mass == pytest.approx(0.9)
    assert score == pytest.approx((4 * 0.6 + 5 * 0.25 + 3 * 0.05) / 0.9)
    top = {'":4': 0.6, '":5': 0.35, '4": ': 0.05}
    chosen = TokenChoice('":4', math.log(0.6), {text: math.log(share) for text, share in top.items()})
    assert graded(token('{"'), token("score"), chosen, token("}"))[1] == pytest.approx(0.95)


def test_tokens_that_are_not_in_the_text_are_skipped() -> None:
    """Servers list marks of the end, spaces that the text lost, and bytes of a character as `\ufffd`."""
    four = token("4", _4=0.9, _5=0.1)
    tokens = (token("\n"), token("\ufffd"), token("\ufffd"), token(" score: "), four, token("<|im_end|>"))
    assert graded(*tokens, text="é score: 4")[0] == pytest.approx(4.1)


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ((token("4", _4=0.6, _5=0.25, _x=0.15),), "0.85 of the probability"),
        ((token("4", _4=0.99),), "no alternatives"),
        ((), "do not spell"),
    ],
)
def test_too_little_mass_is_no_score(tokens: tuple[TokenChoice, ...], words: str) -> None:
    with pytest.raises(Unusable, match=words) as error:
        graded(*tokens, text="4")
    assert error.value.reason == "no_score"


SAME = {"type": "object", "properties": {"same": {"type": "boolean"}}, "required": ["same"]}


@pytest.mark.parametrize(
    ("tokens", "chance"),
    [
        ([token('{"same":'), token(" true", **{"_ true": 0.7, "_ false": 0.3}), token("}")], 0.7),
        ([token('{"same": '), token("false", _true=0.4, _false=0.56), token("}")], 0.4 / 0.96),
        ([token('{"same": '), token("t", _t=0.8, _f=0.2), token("rue}")], 0.8),
    ],
)
def test_the_chance_of_true(tokens: list[TokenChoice], chance: float) -> None:
    answer = Reply("".join(t.token for t in tokens), logprobs=tuple(tokens))
    assert chance_of_truth(answer, "same", SAME) == pytest.approx(chance)


def test_neither_true_nor_false_is_no_verdict() -> None:
    tokens = (token('{"same": '), token("true", _true=0.5, _null=0.5), token("}"))
    with pytest.raises(Unusable, match=r"0\.50 of the probability"):
        chance_of_truth(Reply('{"same": true}', logprobs=tokens), "same", SAME)


class Sure(FakeClient):
    """Answers about `first` and `second` with these probabilities of true, by the text that comes first."""

    def __init__(self, chances: dict[str, float], *, logprobs: bool) -> None:
        super().__init__()
        self.asked: list[Request] = []
        self._chances = chances
        self._gives = logprobs

    def _answer(self, request: Request, chance: object) -> Reply:
        self.asked.append(request)
        prompt = request.messages[-1]["content"]
        share = next((s for text, s in self._chances.items() if f"First request:\n{text}" in prompt), 0.9)
        said = "true" if share > 0.5 else "false"
        top = {"true": math.log(share), "false": math.log(1 - share)}
        tokens = (token('{"covered": '), TokenChoice(said, top[said], top), token("}"))
        return Reply(f'{{"covered": {said}}}', logprobs=tokens if self._gives and request.logprobs else ())


def verdict(chances: dict[str, float], *, logprobs: bool, both: bool = True) -> tuple[bool, dict, int]:
    async def judged() -> tuple[bool, dict, int]:
        from synth.recipe.base import ModelConfig

        client = Sure(chances, logprobs=logprobs)
        config = ModelConfig(provider="fake", model="judge")
        model = Model("judge", config, client, EmptyJournal(), BudgetLedger())
        prompt = read_prompt(Path(__file__).parents[2] / "prompts/paraphrase/same.md", "paraphrase/same")
        judge = YesNoJudge(
            "s", model, prompt, "covered", EvolveAction.JUDGED, Sampling(), 1, KnownJudges(), both
        )
        await judge.prepare()
        row, yes = await judge.judge(Row("r", Conversation(), Lineage("seed")), "one", "other")
        return yes, dict(row.history[-1].details), len(client.asked) - 1

    return asyncio.run(judged())


def test_a_yes_needs_both_orders() -> None:
    yes, event, asked = verdict({"one": 0.9, "other": 0.8}, logprobs=True)
    assert (yes, event["covered"], list(event["chances"]), asked) == (True, True, [0.9, 0.8], 2)
    assert len(event["requests"]) == 2
    # The mean is above one half, but in one order it is a no.
    yes, event, _ = verdict({"one": 0.95, "other": 0.3}, logprobs=True)
    assert (yes, list(event["chances"])) == (False, [0.95, 0.3])


def test_a_no_is_not_asked_again_in_the_other_order() -> None:
    yes, event, asked = verdict({"one": 0.4, "other": 0.99}, logprobs=True)
    assert (yes, list(event["chances"]), asked) == (False, [0.4], 1)
    assert "requests" not in event


@pytest.mark.parametrize(("other", "yes"), [(0.8, True), (0.3, False)])
def test_without_logprobs_a_verdict_is_read_as_written(other: float, yes: bool) -> None:
    found, event, asked = verdict({"one": 0.9, "other": other}, logprobs=False)
    assert (found, "chances" in event, asked) == (yes, False, 2)


def test_one_order_is_one_request() -> None:
    yes, _, asked = verdict({"one": 0.9, "other": 0.1}, logprobs=True, both=False)
    assert (yes, asked) == (True, 1)


def test_the_recorded_tokens_are_of_these_answers() -> None:
    recorded = json.loads((Path(__file__).parent / "score_tokens.json").read_text())
    assert recorded.keys() == ANSWERS.keys()
