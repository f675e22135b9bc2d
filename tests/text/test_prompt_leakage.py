"""Words that an answer copies from its prompt, and words that two texts share."""

from __future__ import annotations

from synth.text.prompt_leakage import repeated_run, shares_a_word


def test_words_taken_over_from_a_prompt() -> None:
    source = "Write the one request of a user to which this text is the answer."
    assert repeated_run("The one request of a user, please", source) == "the one request of a"
    assert repeated_run("What is the answer to a request of mine?", source) is None


def test_a_word_in_common() -> None:
    assert shares_a_word("How do printers work?", "The printing of pages")
    assert not shares_a_word("Which tree is it?", "The printer is on")
