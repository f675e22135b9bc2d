"""Models that take turns on one GPU: one is loaded at a time, and none waits forever."""

from __future__ import annotations

import asyncio

import pytest

from synth.llm.vllm.gpu_sharing import ModelSwitcher, SwitchedModel


class Card:
    """Notes what is loaded, and that it is alone."""

    def __init__(self) -> None:
        self.turns = ModelSwitcher()
        self.loaded: list[str] = []
        self.loads: list[str] = []

    def model(self, name: str, *, fails: bool = False) -> SwitchedModel:
        async def load() -> None:
            await asyncio.sleep(0)
            self.loads.append(name)
            if fails:
                raise OSError(name)
            self.loaded.append(name)

        async def unload() -> None:
            await asyncio.sleep(0)
            self.loaded.remove(name)

        return self.turns.join(load, unload)

    async def use(self, turn: SwitchedModel, name: str, steps: int = 3) -> None:
        async with turn:
            for _ in range(steps):
                assert self.loaded == [name]
                await asyncio.sleep(0)


def test_all_requests_of_a_model_share_its_turn() -> None:
    async def work() -> Card:
        card = Card()
        writer, judge = card.model("writer"), card.model("judge")
        await asyncio.gather(
            *(card.use(writer, "writer", steps) for steps in range(20)),
            *(card.use(judge, "judge", steps) for steps in range(20)),
        )
        return card

    assert asyncio.run(work()).loads == ["writer", "judge"]


def test_rows_that_go_from_one_to_the_other_all_arrive() -> None:
    async def work() -> Card:
        card = Card()
        writer, judge = card.model("writer"), card.model("judge")
        places = asyncio.Semaphore(8)

        async def row(number: int) -> None:
            async with places:
                await card.use(writer, "writer", number % 5)
                await card.use(judge, "judge", number % 3)

        await asyncio.gather(*map(row, range(64)))
        return card

    loads = asyncio.run(work()).loads
    assert loads[:2] == ["writer", "judge"]
    # As many rows as are under way at once go through each turn, not one.
    assert len(loads) <= 2 * 64 / 4


def test_a_model_that_cannot_be_loaded_stops_nobody_else() -> None:
    async def work() -> list[object]:
        card = Card()
        broken, judge = card.model("broken", fails=True), card.model("judge")
        uses = [card.use(broken, "broken"), card.use(broken, "broken"), card.use(judge, "judge")]
        return list(await asyncio.gather(*uses, return_exceptions=True))

    first, second, third = asyncio.run(work())
    assert isinstance(first, OSError)
    assert isinstance(second, OSError)
    assert third is None


def test_who_waits_no_longer_holds_nobody_up() -> None:
    async def work() -> None:
        card = Card()
        writer, judge, other = card.model("writer"), card.model("judge"), card.model("other")
        async with writer:
            gone = asyncio.create_task(card.use(judge, "judge"))
            last = asyncio.create_task(card.use(other, "other"))
            await asyncio.sleep(0)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
        await last
        assert card.loads == ["writer", "other"]

    asyncio.run(asyncio.wait_for(work(), 60))
