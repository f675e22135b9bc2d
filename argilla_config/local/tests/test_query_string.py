"""The search box's language, held to what Elasticsearch's `simple_query_string` makes of it."""

from __future__ import annotations

import pytest
from argilla_local.query_string import (
    And,
    Fuzzy,
    Not,
    Or,
    Phrase,
    Prefix,
    Query,
    Word,
    parse,
    positive_leaves,
)

A, B, C = Word("a"), Word("b"), Word("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        ("a b c", And((A, B, C))),
        ("a + b", And((A, B))),
        ("a | b", Or((A, B))),
        ("a|b", Or((A, B))),
        ("a | b | c", Or((A, B, C))),
        ("a | b c", And((Or((A, B)), C))),
        ("a b | c", Or((And((A, B)), C))),
        ("a (b | c)", And((A, Or((B, C))))),
        ("-a", Not(A)),
        ("--a", A),
        ("a -b", And((A, Not(B)))),
        ("a | -b", Or((A, Not(B)))),
        ("-(a | b)", Not(Or((A, B)))),
        ("- a", A),
        ("a-b", Word("a-b")),
        ('"a b"', Phrase("a b")),
        ('-"a b"', Not(Phrase("a b"))),
        ('"a b"~3', Phrase("a b", 3)),
        ('"a b"~3 c', And((Phrase("a b", 3), C))),
        ('"a b"~ c', And((Phrase("a b"), C))),
        ('a"b"', And((A, Phrase("b")))),
        ("word*", Prefix("word")),
        ("word~1", Fuzzy("word", 1)),
        ("word~", Fuzzy("word", 2)),
        ("word~9", Fuzzy("word", 2)),
        ("word~0", Word("word")),
        ("word~x", Word("word")),
        (r"a\|b", Word("a|b")),
        (r"\-a", Word("-a")),
        (r"word\*", Word("word*")),
        (r'"say \"hi\""', Phrase('say "hi"')),
    ],
)
def test_each_operator_means_what_it_means_in_elasticsearch(text: str, tree: Query) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a (b", And((A, B))),
        ("a) b", And((A, B))),
        ('a "b', And((A, B))),
        ("+ a", A),
        ("| a", A),
        ("a +", A),
        ("a () b", And((A, B))),
        ('a "" b', And((A, B))),
        ("a ! b", And((A, B))),
        ("a\\", Word("a\\")),
        ("*", None),
        ("", None),
        ("  \t", None),
        ("-", None),
        ("((((", None),
        ("!!! ...", None),
    ],
)
def test_what_makes_no_sense_is_left_out(text: str, tree: Query | None) -> None:
    assert parse(text) == tree


def test_deep_nesting_is_read() -> None:
    assert parse("(" * 200 + "a" + ")" * 200) == A


def test_the_score_comes_from_what_a_match_contains() -> None:
    tree = parse("a | (b* -c)")
    assert tree is not None
    assert positive_leaves(tree) == [A, Prefix("b")]
