"""Words that an answer copies from its prompt, and words that two texts share."""

from __future__ import annotations

from synth.text.prompt_leakage import repeated_run, shares_a_word


def test_words_taken_over_from_a_prompt() -> None:
    source = "Write the one request of a user to which this text is the answer."
    assert repeated_run("The one request of a user, please", source) == "the one request of a"
    assert repeated_run("What is the answer to a request of mine?", source) is None
    assert repeated_run("The one request of a user, please", source, "See the one request of a user.") is None


def test_a_run_in_a_script_without_spaces_has_the_characters_of_five_words() -> None:
    source = "次のテキストが完全に答えとなるリクエストを一つ書いてください。"
    assert repeated_run("返金の方法を書いてください。", source) is None
    assert repeated_run("完全に答えとなるリクエストは何ですか。", source) == "完全に答えとなるリク"


def test_a_word_in_common() -> None:
    assert shares_a_word("How do printers work?", "The printing of pages")
    assert not shares_a_word("Which tree is it?", "The printer is on")
    assert shares_a_word("年額プランは返金できますか。", "返金は30日以内です。")
    assert not shares_a_word("これはどうですか。", "それはどうでしたか。")
    assert shares_a_word("환불은 언제까지 되나요?", "구매 후 30일 안에 환불합니다.")
    assert not shares_a_word("날씨 어때요?", "구매 후 30일 안에 환불합니다.")
    assert shares_a_word("ขอคืนเงินได้ไหม", "คืนเงินภายใน 30 วัน")
