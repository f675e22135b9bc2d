"""Near-duplicates: no false positives, very few missed, and the same result in every process."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from inspect import signature

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.text.similarity.near_duplicates import Buckets, Duplicate, NearDuplicateIndex
from synth.text.tokens import normal_form

ORDER = (
    "My order {} has not arrived although I paid for express delivery three weeks ago and nobody answers "
    "my mails about it. Please tell me where it is and when I can expect it at home."
)


def byte_runs(text: str) -> set[bytes]:
    """The shingles of a short text without numbers, as the module's docstring words them."""
    padded = b"\0\0\0" + normal_form(text).encode() + b"\0\0\0"
    return {padded[i : i + 4] for i in range(len(padded) - 3)}


def jaccard(one: str, other: str) -> float:
    first, second = byte_runs(one), byte_runs(other)
    return len(first & second) / len(first | second)


def prompts(count: int, words: int, seed: int) -> list[str]:
    """Prompts that share a vocabulary, as prompts about one product do."""
    draw = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgk"
    vocabulary = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(2000)]
    return [" ".join(draw.choices(vocabulary, k=words)) for _ in range(count)]


def index_of(texts: list[str], threshold: float = 0.8) -> NearDuplicateIndex:
    index = NearDuplicateIndex(threshold)
    for text in texts:
        index.add(text)
    return index


close_texts = st.lists(st.sampled_from(["refund", "order", "my", "late", "is"]), max_size=8).map(" ".join)


@given(st.lists(close_texts, max_size=20), close_texts, st.sampled_from([0.5, 0.8, 0.9]))
def test_every_copy_found_is_one(texts: list[str], query: str, threshold: float) -> None:
    copy = index_of(texts, threshold).seen(query)
    if copy is not None:
        assert copy.similarity == jaccard(texts[copy.position], query)
        assert copy.similarity >= threshold
        assert copy.exact == (normal_form(texts[copy.position]) == normal_form(query))


@given(st.lists(close_texts, max_size=12), close_texts)
def test_clear_copies_are_found_and_the_first_of_the_best_is_named(texts: list[str], query: str) -> None:
    similarities = [jaccard(text, query) for text in texts]
    best = max(similarities, default=0.0)
    if best >= 0.95:  # here 18 bands of 6 rows miss one in 10**10
        copy = index_of(texts).seen(query)
        assert copy is not None
        assert copy.similarity == best
        if not copy.exact:
            assert copy.position == similarities.index(best)


def edited(text: str, draw: random.Random) -> str:
    words = text.split()
    at = draw.randrange(len(words))
    words[at] = draw.choice(["really", "please", "now", words[at][::-1]])
    return " ".join(words)


@pytest.mark.parametrize(("length", "least"), [(12, 0.99), (25, 0.99), (90, 0.99), (110, 0.99), (300, 0.97)])
def test_recall_on_planted_copies(length: int, least: float) -> None:
    """One word changed; where bytes decide, only pairs that plain Jaccard calls copies are planted."""
    draw = random.Random(length)
    texts = prompts(600, length, seed=length)
    index = index_of(texts)
    planted = [(i, edited(text, draw)) for i, text in enumerate(texts)]
    planted = [(i, text) for i, text in planted if length >= 100 or jaccard(texts[i], text) >= 0.8]
    found = sum((copy := index.seen(text)) is not None and copy.position == i for i, text in planted)
    assert len(planted) > 100
    assert found / len(planted) >= least


def test_long_texts_are_compared_as_in_fineweb() -> None:
    """Runs of 5 words; 112 hashes in 14 bands of 8."""
    words = [f"word{n}" for n in range(200)]
    index = index_of([" ".join(words)])
    words[100] = "another"
    copy = index.seen(" ".join(words))
    assert copy is not None
    assert copy.similarity == pytest.approx(191 / 201), "one word stands in 5 of 196 runs"
    bands = signature(NearDuplicateIndex).parameters
    assert (bands["permutations"].default, bands["bands"].default) == (112, 14)


def test_fresh_prompts_are_kept() -> None:
    index = NearDuplicateIndex()
    texts = prompts(2000, 12, seed=5)
    assert [index.admit(text) for text in texts] == [None] * 2000
    assert len(index) == 2000


def test_a_copy_of_more_than_100_words_meets_a_shorter_one() -> None:
    (text,) = prompts(1, 130, seed=3)
    words = text.split()
    for longer, shorter in [(130, 126), (126, 110), (124, 105), (101, 99), (110, 90)]:
        index = index_of([" ".join(words[:shorter])])
        copy = index.seen(" ".join(words[:longer]))
        assert copy is not None, (longer, shorter)
        assert copy.similarity >= 0.8


def test_admit_keeps_the_first_and_seeds_always() -> None:
    index = NearDuplicateIndex()
    assert index.admit("Where is my parcel?") is None
    assert index.admit("where is  my parcel") == Duplicate(0, 1.0, exact=True)
    assert len(index) == 1
    assert index.admit("Where is my parcel?!", always=True) == Duplicate(0, 1.0, exact=True)
    kept, typo = "How do I change the address on an order?", "How do I change the adress on an order?"
    assert index.add(kept) == 2
    assert index.seen(typo) == Duplicate(2, jaccard(kept, typo), exact=False)
    assert index.seen("Where is my parcel") == Duplicate(0, 1.0, exact=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Reset my password!", "  reset MY\npassword"),
        ("Ｆｕｌｌ　ｗｉｄｔｈ １２", "full width 12"),
        ("STRASSE", "straße"),
        ("It's “quoted” — really…", "it's 'quoted', really?"),
        ("如何重置密码？", "如何重置密码。"),
        ("هل هذا ٣؟", "هل هذا 3"),
        ("❤️", "❤"),
        ("cafe\u0301", "CAFÉ"),
        ("", " \n"),
    ],
)
def test_exact_after_normalising(one: str, other: str) -> None:
    assert index_of([one]).seen(other) == Duplicate(0, 1.0, exact=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 2+2?", "What is 2+3?"),
        ("What is 2+2?", "What is 2*2?"),
        ("What is the sum of 12 and 15?", "What is the sum of 12 and 16?"),
        ("How do I learn C#?", "How do I learn C++?"),
        ("What is the capital of France?", "What is the capital of Spain?"),
        ("如何重置我的账户密码？", "如何取消我的账户订单？"),
        ("😀", "😃"),
        ("", "?"),
        ("", "a"),
        ("?", "..."),
        ("a", "b"),
    ],
)
def test_different_tasks_stay_apart(one: str, other: str) -> None:
    assert index_of([one]).seen(other) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ORDER.format(1234), ORDER.format(5678)),
        (ORDER.replace("I paid", "Ann paid"), ORDER.replace("I paid", "Bob paid")),
        ("Write a poem about autumn leaves.", "Write a poem about autum leaves."),
        ("كيف يمكنني إعادة تعيين كلمة المرور الخاصة بي؟", "كيف يمكنني اعادة تعيين كلمة المرور الخاصة بي؟"),
        (
            "我上周在你们网站买了一台咖啡机，但是它到现在还没有送到，请问我应该联系谁？",
            "我上周在你们网站买了一台面包机，但是它到现在还没有送到，请问我应该联系谁？",
        ),
    ],
)
def test_small_edits_of_longer_texts_are_near_copies(one: str, other: str) -> None:
    copy = index_of([one]).seen(other)
    assert copy is not None
    assert not copy.exact
    assert 0.8 <= copy.similarity < 1


def test_lone_surrogates_do_not_stop_it() -> None:
    assert index_of(["broken \ud800 text"]).seen("broken \ud800 text") == Duplicate(0, 1.0, exact=True)


def test_outcome_does_not_depend_on_the_process() -> None:
    program = (
        "from synth.text.similarity.near_duplicates import NearDuplicateIndex\n"
        "texts = [f'{a} {b} ask for a parcel {c}' for a in 'ab' for b in ('do', 'did') for c in 'xy']\n"
        "index = NearDuplicateIndex(0.6)\nprint([index.admit(text) for text in texts])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1
    assert "Duplicate(" in outputs.pop()


def test_one_template_a_thousand_times_stays_fast_and_finds_copies() -> None:
    """Rows just below the threshold share most buckets; the bounds keep that from growing with the square."""
    texts = [f"Tell me in one sentence how the words {a} and {b} differ" for a in ANIMALS for b in ANIMALS]
    index = index_of(texts)
    assert len(index) == len(texts)
    assert all(index.seen(text) == Duplicate(i, 1.0, exact=True) for i, text in enumerate(texts))


ANIMALS = [
    *("aardvark", "bear", "cheetah", "dolphin", "elephant", "ferret", "gorilla", "hippo", "iguana", "jackal"),
    *("koala", "lemur", "mongoose", "newt", "octopus", "penguin", "quail", "raccoon", "salamander", "toucan"),
    *("urchin", "vulture", "walrus", "yak", "zebra", "badger", "coyote", "donkey", "emu", "falcon", "gecko"),
]


@pytest.mark.parametrize("threshold", [0.0, 1.1])
def test_thresholds_that_mean_nothing_are_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        NearDuplicateIndex(threshold)


def test_bands_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="bands"):
        NearDuplicateIndex(permutations=16)


@given(
    st.lists(st.lists(st.integers(0, 2**32 - 1) | st.sampled_from([0, 2**32 - 1]), max_size=6), max_size=5)
)
def test_buckets_are_a_multimap(filed: list[list[int]]) -> None:
    buckets = Buckets()
    for row, keys in enumerate(filed):
        buckets.add(keys, row)
    for key in {key for keys in filed for key in keys}:
        assert sorted(buckets.rows([key])) == [
            row for row, keys in enumerate(filed) for k in keys if k == key
        ]


def test_a_full_bucket_keeps_its_first_rows() -> None:
    buckets = Buckets()
    for row in range(100):
        buckets.add([7], row)
    assert buckets.rows([7]) == list(range(32))
