"""The effect of each rule, the texts that it must not change, and idempotence."""

import csv
import json
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from synth.text.code_kinds import code_kind
from synth.text.code_spans import blocks, inline_code
from synth.text.standardise.canonical import canonical_json, canonical_sql, is_sql
from synth.text.standardise.options import Options
from synth.text.standardise.standard_form import RULES, standardise

DATA = Path(os.environ.get("SYNTH_DATA", ""))


def clean(text, role="answer", **options):
    return standardise(text, Options(**options), role=role)


# --- options -----------------------------------------------------------------------------------------


def test_options_refuse_unknown_keys():
    with pytest.raises(ValidationError, match="whitspace"):
        Options.model_validate({"whitspace": False})


def test_a_bare_off_in_yaml_is_off():
    assert Options.model_validate({"json": False, "sql": False}) == Options()


def test_a_prefix_of_white_space_is_refused():
    with pytest.raises(ValidationError, match="prefix"):
        Options(prefix="  ")


MESSY = {
    "line_ends": "a\r\nb",
    "unicode": "a\u200bb",
    "preamble": "Sure, here is the answer: yes",
    "fence": "```text\nYes.\n```",
    "quotes": '"Yes."',
    "whitespace": "a  b",
}


@pytest.mark.parametrize("rule", MESSY)
def test_each_rule_says_its_name_and_can_be_turned_off(rule):
    assert clean(MESSY[rule]).did == (rule,)
    assert clean(MESSY[rule], **{rule: False}).text == MESSY[rule]


def test_rules_are_named_in_the_order_they_run():
    did = clean(
        '\ufeffSure, here is the JSON:\r\n```json\r\n{"a" : 1}\r\n```', json="compact", prefix="Hi."
    ).did
    assert did == ("line_ends", "unicode", "preamble", "fence", "json", "prefix")
    assert list(did) == sorted(did, key=RULES.index)


@pytest.mark.parametrize(
    "text", ["Sure, here is the answer: 42", '"Quoted."', "```text\nHi.\n```", '{"a" :  1}']
)
def test_prompts_are_what_users_write(text):
    options = {"json": "compact", "sql": "oneline", "prefix": "Hi.", "closer": True}
    assert clean(text, role="prompt", **options).text == text


# --- characters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e\u0301", "é"),
        ("\ufeffHello", "Hello"),
        ("soft\u00adhyphen, zero\u200bwidth, word\u2060joiner", "softhyphen, zerowidth, wordjoiner"),
        ("10\u00a0km, 5\u202f€", "10 km, 5 €"),
        ("\x1b[31mred\x1b[0m\x00", "red"),
        ("it\x92s", "it’s"),
        ("page\x0cbreak", "page\nbreak"),
        ("\u202eabc", "abc"),
        ("hi\U000e0041\U000e0042", "hi"),
        ("a\u200db", "ab"),
        ("\ud83d\ude00 and \ud800", "😀 and \ufffd"),
    ],
)
def test_characters_that_mean_nothing_go(text, expected):
    assert clean(text).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "x² is not x2, nor is ﬁ fi, ½ 1/2 or Ⅳ IV",
        "“quoted” and ‘quoted’",
        "می\u200cخواهم",  # Persian needs its non-joiner
        "क्\u200dष",  # and Hindi its joiner
        "👩\u200d💻 ❤\ufe0f 👨\u200d👩\u200d👧",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # the flag of England
        "ก\u200bข",
        "שלום\u200f!",
        "\u3000第一段。",
        "`a\u200bb` and\n\n```\na\u00a0b\n```",
    ],
)
def test_characters_that_mean_something_stay(text):
    assert clean(text).did == ()


def test_straight_quotes_are_a_choice_and_keep_out_of_code():
    assert clean("“It’s” `“x”`", smart_quotes="straight").text == '"It\'s" `“x”`'


def test_line_ends_of_every_kind():
    assert clean("a\r\nb\rc\r\r\nd").text == "a\nb\nc\nd"


# --- white space -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Hello,  world. \t", "Hello, world."),
        ("\n\n\na\n\n\n\nb \n\n", "a\n\nb"),
        ("Line one  \nLine two   \n\nNext", "Line one  \nLine two\n\nNext"),
        ("# Title  \ntext", "# Title\ntext"),
        ("- a  \n- b", "- a\n- b"),
        ("- a  b\n    - c  d\n        - e  f", "- a b\n    - c d\n        - e f"),
        ("- item\n\n  more   of it", "- item\n\n  more of it"),
        ("Use `a   b`  now", "Use `a   b` now"),
        ("``a ` b  c``  d", "``a ` b  c`` d"),
        ("\\`a   b\\`  c", "\\`a b\\` c"),
        ("<code>a  b</code>  c", "<code>a  b</code> c"),
        ("one.  Two.\nthree.  Four.", "one. Two.\nthree. Four."),
        ("> quoted   text", "> quoted text"),
        ("1. Do:\n   ```\nls   -l\n```\n2. Look   here", "1. Do:\n   ```\nls   -l\n```\n2. Look here"),
        ("שלום   עולם ", "שלום עולם"),
    ],
)
def test_white_space_in_prose(text, expected):
    assert clean(text).text == expected


LEFT_ALONE = {
    "fence": "Run:\n\n```bash\nx   =   1  \n\n\n\ny\n```\nDone.",
    "fence within a list": "1. Do:\n   ```bash\n   x   y  \n   ```\n2. Done",
    "fence within a list, its code outside": "1. Do:\n   ```py\nif a:\n  b  =  1\n```\n2. Done",
    "fence within a list, closed outside": "- Do:\n  ```sh\n  ls   -l\n```\n- Done",
    "fence within a quotation": "> ```\n> a   b\n> ```",
    "open fence": "So:\n```\na  b  \n\n\n",
    "longer fence around a fence": "See:\n````\n```\na  b\n```\nc   d\n````",
    "indented fence inside a fence": "See:\n```\n    ```\n  a   b\n```",
    "indented code": "Do this:\n\n    x  =  1  \n\n\n    y  =  2\n\nDone.",
    "indented code in a list": "1. Do:\n\n        x =   1",
    "completion of a function": "    return a +  b",
    "table": "| a   | b  |\n|-----|----|\n| 1   | 2  |",
    "table without outer bars": "a   | b\n----|---\n1   | 2",
    "columns": "Name:    Bob\nAge:     3",
    "drawing": "src/\n├── a.py    # main\n└── b.py    # lib",
    "ascii art": "+----+    +----+\n| a  |--->| b  |\n+----+    +----+",
    "verse": "l(a\n\n   le\n   af\n   fa\n\n ll",
    "verse with caesuras": "Hwæt   we Gardena\nin   geardagum",
    "hard breaks": "Roses are red,  \nViolets are blue,  \nSugar is sweet",
    "list columns": "-   item\n\n    continued\n\n-   item",
    "pre": "<pre>\na    b\n</pre>",
    "verbatim": "\\begin{verbatim}\na    b  \n\\end{verbatim}",
}
WHOLE_CODE = {
    "python": "def f(x):\n    return  x  \n\n\n\n\nprint(f(1,  2))",
    "python with comments": "# Add  two\nimport os\n\n\n\nx  = 1  # one",
    "makefile": "CC  = gcc\n\nall: main.o\n\tgcc  -o  main main.o",
    "yaml": "a:  1\nb:\n  - c   d\n  - e: |\n      f  g",
    "nested yaml": "Resources:\n  Topic:\n    Type:  x  # why",
    "diff": "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a  b\n+a b\n \n",
    "git diff": "diff --git a/x b/x\nindex 1..2 100644\n@@ -1 +1 @@\n-a  \n+a\n",
    "columns": "a\tb\t\nc\t\td  e\t",
    "csv": "id,name\n1,a  b\n2,c  ",
    "json": '{\n  "a":   1\n}',
    "javascript": "const a  = 1;\n\n\n\nfunction f() {\n  return `x   y`;\n}",
    "html": '<div>\n  <p  class="a">a   b</p>\n</div>',
    "rust": 'fn main() {\n    println!("a   b");\n}',
    "go": 'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println("a   b")\n}',
    "shell": "#!/bin/sh\n\n\nfor f in *; do\n  echo  $f\ndone",
    "sql": "SELECT  a\nFROM   t\nWHERE b = 'x   y'",
    "ini": "[main]\nkey   = value\nother = 1",
    "log": "2024-01-01 10:00:00  INFO   started\n2024-01-01 10:00:01  ERROR  failed",
    "lisp": "(defun f (x)\n  (+  x   1))\n(print (f  2))",
    "haskell": "double :: Int  -> Int\ndouble x  = x * 2",
    "dockerfile": "FROM python:3.11\nRUN  pip install  x\nCMD  python",
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_layout_that_someone_meant_stays(name):
    assert clean(LEFT_ALONE[name]).did == ()


@pytest.mark.parametrize("name", WHOLE_CODE)
def test_texts_that_are_code_stay(name):
    assert code_kind(WHOLE_CODE[name])
    assert clean(WHOLE_CODE[name]).did == ()


@pytest.mark.parametrize(
    "text",
    [
        "Dear Bob,\n\nthank you for your letter.\n\nYours,\nAnn",
        "To restart the router:\n\n1. Press the button.\n2. Wait.",
        "Roses are red,\nViolets are blue,\nSugar is sweet,\nAnd so are you.",
        "Select the plan that suits you from the list, then press Save.",
        "The answer is 42.",
        "Use `x = 1;` here.",
        "# Heading\n\nSome text; more text.",
        "If you want a refund:\n\n- Open the app.\n- Tap Orders.",
        "Note: the fee is 5%.",
        "Question: Where is my order? \nAnswer: It ships today.",
        "- Airfare: $400\n- Lodging: $800",
        "Customer: Hello!\nWaitress: Hi! What can I do for you?",
    ],
)
def test_prose_is_not_code(text):
    assert code_kind(text) is None


@given(st.text(alphabet="ab `~>-*|#\t\n\\<code>1.", max_size=80))
def test_blocks_put_together_are_the_text(text):
    assert "\n".join(line for block in blocks(text) for line in block.lines) == text


@pytest.mark.parametrize("text", ["`" * 50_000, "` `` " * 10_000, "\\`" * 50_000, "\\" * 100_000 + "`"])
@pytest.mark.timeout(5)
def test_code_spans_are_found_in_linear_time(text):
    assert all(start < end for start, end in inline_code(text))


# --- what models wrap answers in ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sure, here is the rewritten text: We regret it.", "We regret it."),
        ("Certainly! Here's the rewritten text:\n\nWe regret it.", "We regret it."),
        ("Sure, here are the steps:\n1. Open\n2. Close", "1. Open\n2. Close"),
        ("Of course! I'd be happy to help. Here is the revised email:\n\nDear Bob,", "Dear Bob,"),
        ("Sure thing! Here is the SQL query:\n```sql\nSELECT 1;\n```", "```sql\nSELECT 1;\n```"),
        ("Sure, here's a haiku:\n\nOld pond", "Old pond"),
        ("Sure, here you go!\n\nText.", "Text."),
        ("**Here is the rewritten text:**\n\nText.", "Text."),
        ("Here is the response:\nHello.", "Hello."),
        ("Here is the translation into French: Bonjour", "Bonjour"),
        ("Here is a summary of the article:\n\nIt rains.", "It rains."),
        ("Here's a paraphrased version of the sentence in a formal tone: We regret it.", "We regret it."),
        ("I've rewritten the text for you:\nHello", "Hello"),
        ("The rewritten text is: Hello", "Hello"),
        ("Rewritten text: Hello", "Hello"),
        ("Response: Hello.", "Hello."),
        ("Answer: 42", "42"),
        ("**Answer:** 42", "42"),
        ("### Response:\nHello", "Hello"),
        ("Assistant: Hi.", "Hi."),
        ("Assistant: Sure, here is the answer:\nHi.", "Hi."),
        ("Sure, here is the email:\n\n---\n\nDear Bob,\n\nThanks.\n\n---", "Dear Bob,\n\nThanks."),
        ("As an AI language model, I don't feel, but I can help.", "I don't feel, but I can help."),
        ("As an AI developed by Acme, I cannot.", "I cannot."),
        ("As a large language model, it is hard to say.", "It is hard to say."),
    ],
)
def test_preambles_go(text, expected):
    assert clean(text).text == expected
    assert clean(text).did == ("preamble",)


@pytest.mark.parametrize(
    "text",
    [
        "Sure, you can return it within 30 days.",
        "Sure! You can.",
        "Sure.",
        "Certainly! The capital of France is Paris.",
        "Of course, here in Europe that differs.",
        "Here are the steps:\n1. Open\n2. Close",
        "Here is the response code: 404",
        "Here is your answer sheet: A, B",
        "Here is the reply from our team: no",
        "Here is the refund form:\nhttps://example.com/form",
        "Here is why: the pump is old.",
        "Sure! Here's how: open settings.",
        "Sure, here is your order number:\n12345",
        "Sure, here is the link:\nhttps://example.com",
        "Okay, here's the plan: we wait.",
        "Yes, here are the steps:\n1. Open\n2. Close",
        "Answer: B\nReason: because",
        "Response: 200\nBody: ok",
        "answer: 42",
        "Answer:",
        "Here is the rewritten text:",
        "Sure, here is the answer:\n\n  ",
        "Responses vary: some do, some don't.",
        "As an AI company, we care.",
        "As an airline, we care.",
        "User: hi\nAssistant: hello",
        "I have updated your booking: seat 4A.",
        "The updated price is: 5 EUR",
    ],
)
def test_first_sentences_that_say_something_stay(text):
    assert "preamble" not in clean(text).did


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Paris. Let me know if you need anything else!", "Paris."),
        ("1. Open\n\nI hope this helps! 😊", "1. Open"),
        ("Yes.\n\nIf you have any other questions, feel free to ask!", "Yes."),
        ("A. I hope this helps! Let me know if you have any questions.", "A."),
        ("I hope this helps!", "I hope this helps!"),
        ("Check the lamp. Let me know if it is red.", "Check the lamp. Let me know if it is red."),
        ("See:\n```\na. I hope this helps!\n```", "See:\n```\na. I hope this helps!\n```"),
        ("See:\n```\na. I hope this helps!", "See:\n```\na. I hope this helps!"),
    ],
)
def test_closers_go_if_asked_for(text, expected):
    assert clean(text, closer=True).text == expected
    assert clean(text).text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```text\nHello there.\n```", "Hello there."),
        ("```\nParis is the capital.\n```", "Paris is the capital."),
        ("~~~text\nHi\n~~~\n", "Hi"),
        ('```json\n{"a": 1.0}\n```', '{"a": 1.0}'),
        ("```markdown\n# T\n\n```python\nx  = 1\n```\n\nEnd\n```", "# T\n\n```python\nx  = 1\n```\n\nEnd"),
    ],
)
def test_needless_fences_go(text, expected):
    assert clean(text).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "```python\nprint(1)\n```",
        "```\nnpm install foo\n```",
        "```\nx = foo(1,  2)\n```",
        "```sql\nSELECT 1;\n```",
        "```json\n{not json}\n```",
        "```text\nname   age\nbob    3\n```",
        "```text\n  *\n ***\n```",
        "```text\nA\n```\n\n```text\nB\n```",
        "```text\nA\n```\nand more",
        "```\n\n```",
        "```text",
    ],
)
def test_fences_that_keep_something_in_place_stay(text):
    assert clean(text).text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"Hello there."', "Hello there."),
        ("“Yes.”", "Yes."),
        ("'It's fine'", "It's fine"),
        ("“He said ‘no’.”", "He said ‘no’."),
    ],
)
def test_quotes_around_the_whole_answer_go(text, expected):
    assert clean(text).text == expected


@pytest.mark.parametrize(
    "text", ['"Hi," she said. "Bye."', '"a","b"', "'a' + 'b'", r'"a\nb"', '""', '"', "'tis"]
)
def test_quotes_that_belong_to_the_text_stay(text):
    assert clean(text).text == text


def test_json_keeps_the_quotes_of_its_strings():
    assert clean('"yes"', json="compact").text == '"yes"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You can.", "Thanks for asking! You can."),
        ("Thanks for asking! You can.", "Thanks for asking! You can."),
        ("Thanks for asking!\n\nYou can.", "Thanks for asking! You can."),
        ("Thanks for asking! Thanks for asking! You can.", "Thanks for asking! You can."),
        ("Here is the answer:\nThanks for asking! You can.", "Thanks for asking! You can."),
        ("- a\n- b", "Thanks for asking!\n\n- a\n- b"),
        ("Thanks for asking!", "Thanks for asking!"),
        ("", ""),
    ],
)
def test_the_prefix_stands_there_once(text, expected):
    assert clean(text, prefix="Thanks for asking!").text == expected


def test_a_prefix_is_a_word_of_its_own():
    assert clean("History", prefix="Hi").text == "Hi History"
    assert clean("请问", prefix="您好，").text == "您好，请问"


def test_whatever_changed_has_a_name():
    assert clean("Hi. Hi. You can.", prefix="Hi.").did == ("prefix",)


@pytest.mark.parametrize(
    "piece",
    ["\n", " ", "> ", "<code>", "</code>", "$a", "[", "- a\n", "I hope this helps! ", "Answer: ", "SELECT ("],
)
@pytest.mark.timeout(10)
def test_long_texts_take_linear_time(piece):
    text = piece * (20_000 // len(piece))
    assert (
        len(clean(text, closer=True, sql="oneline", json="compact", prefix="Hi").text) <= len(text) + 20_000
    )


# --- JSON --------------------------------------------------------------------------------------------


def test_json_keeps_order_numbers_and_escapes():
    text = '{"b" : 1.0, "a":[1e400, -0, {} , [ ]], "c  d":"x  \\u00e9\\/"}'
    assert canonical_json(text, "compact") == '{"b":1.0,"a":[1e400,-0,{},[]],"c  d":"x  \\u00e9\\/"}'
    assert canonical_json('{"a":[1,{}],"b":"x: y"}', "indent") == (
        '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": "x: y"\n}'
    )


@pytest.mark.parametrize(
    "text", ['{"a" :1,"a":2}', '[{"x":{"a" :1,"a":2}}]', '{"a" : NaN}', "[1,  2", "[1 ,2] ok"]
)
def test_json_that_is_unclear_stays(text):
    assert canonical_json(text, "compact") == text


def test_json_survives_depth_and_long_numbers():
    deep = "[ " * 100_000 + "]" * 100_000
    assert canonical_json(deep, "compact") == deep
    long = "[ " + "9" * 10_000 + "]"
    assert canonical_json(long, "compact") == long.replace(" ", "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(
    st.lists(json_values) | st.dictionaries(st.text(), json_values), st.sampled_from(["compact", "indent"])
)
def test_json_means_the_same_and_has_one_form(value, spacing):
    forms = {
        canonical_json(json.dumps(value, indent=indent, ensure_ascii=False), spacing)
        for indent in (None, 0, 3)
    }
    assert len(forms) == 1
    assert json.loads(forms.pop()) == value


# --- SQL ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT a ,b\n  FROM t\n WHERE x = 'a  b' ;", "SELECT a, b FROM t WHERE x = 'a  b';"),
        ('select "my  col"\nfrom `t  x`', 'select "my  col" from `t  x`'),
        ("SELECT [my  col], a[1,  2]\nFROM t", "SELECT [my  col], a[1, 2] FROM t"),
        ("SELECT 1 -- one  two\n\nFROM t", "SELECT 1 -- one  two\nFROM t"),
        ("SELECT /* a  b */\n1", "SELECT /* a  b */ 1"),
        ("SELECT $$a  b$$ ,  $x$ ' $x$", "SELECT $$a  b$$, $x$ ' $x$"),
        (r"SELECT E'a\'  b'  FROM t", r"SELECT E'a\'  b' FROM t"),
        ("SELECT 'it''s  so'  FROM t", "SELECT 'it''s  so' FROM t"),
        ("SELECT 'a'\n  'b'", "SELECT 'a'\n'b'"),
        ("INSERT INTO t (a,b) VALUES ( 1,2 )", "INSERT INTO t (a, b) VALUES (1, 2)"),
        ("SELECT a #> '{x,  y}'\nFROM t", "SELECT a #> '{x,  y}' FROM t"),
        ("SELECT a,\n\tb\nFROM t;\n\nSELECT 2;", "SELECT a, b FROM t; SELECT 2;"),
    ],
)
def test_sql_on_one_line(text, expected):
    assert clean(text, sql="oneline").text == expected
    assert clean(text, sql="oneline").did == ("sql",)


@pytest.mark.parametrize(
    "text",
    [
        r"SELECT 'it\'s'  FROM t",  # one literal for MySQL, another for the standard
        "SELECT 'abc  FROM t",
        "SELECT $$abc  FROM t",
        "SELECT /* /* x */  */ 1",
        "SELECT 1 # note\nFROM t",
        "SELECT  1\nGO\nSELECT  2",
        "SELECT  1\n\\gset",
    ],
)
def test_sql_that_is_unclear_stays(text):
    assert clean(text, sql="oneline").text == text


@pytest.mark.parametrize(
    "text",
    [
        "Select the plan from the list, then press Save",
        "Update your card; then retry.",
        "With pleasure.",
        "I cannot write that query.",
    ],
)
def test_sentences_are_not_sql(text):
    assert not is_sql(text)


def test_sql_leaves_its_fence_only_where_answers_are_sql():
    text = "```sql\nSELECT  *\nFROM t\n```"
    assert clean(text).text == text
    assert clean(text, sql="oneline").text == "SELECT * FROM t"


def test_keywords_change_case_and_names_do_not():
    text = "select t.from, Name from t where A in (1, 'from')"
    assert canonical_sql(text, "upper") == "SELECT t.from, Name FROM t WHERE A IN (1, 'from')"


def sql_queries():
    path = DATA / "sql_eval_questions.csv"
    if not path.exists():
        pytest.skip(f"SYNTH_DATA names no folder with {path.name}")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sql_tokens(text):
    """Tokens as any lexer for the standard sees them: literals whole, white space between tokens gone."""
    tokens, at = [], 0
    while at < len(text):
        if text[at] in "'\"":
            end = text.index(text[at], at + 1) + 1
            tokens.append(text[at:end])
        elif text[at].isspace():
            end = at + 1
        else:
            end = at + 1
            while text[at].isalnum() and end < len(text) and (text[end].isalnum() or text[end] == "_"):
                end += 1
            tokens.append(text[at:end])
        at = end
    return tokens


def test_real_queries_keep_their_tokens():
    rows = sql_queries()
    assert len(rows) > 100
    for row in rows:
        query = row["query"]
        assert is_sql(query)
        spread = query.replace(" AND ", "\n   AND ").replace(", ", "\n,   ") if "'" not in query else query
        result = clean(spread, sql="oneline")
        assert sql_tokens(result.text) == sql_tokens(query)
        assert "\n" not in result.text
        assert result.text == clean(query, sql="oneline").text
        assert clean(result.text, sql="oneline").did == ()


def test_real_questions_stay():
    for row in sql_queries():
        question = row["question"]
        for role in ("prompt", "answer"):
            assert clean(question, role=role).text == " ".join(question.split())


# --- together ----------------------------------------------------------------------------------------

PIECES = [
    "Sure, here is the answer:",
    "Here is the rewritten text:",
    "As an AI, I",
    "Answer:",
    "```",
    "```text",
    "```python",
    "~~~",
    "`",
    "``",
    "\\",
    '"',
    "'",
    "“",
    "”",
    "{",
    '{"a": 1 }',
    "[1,  2]",
    "SELECT a  FROM t",
    "-- c",
    "/*",
    "*/",
    "$$",
    "def f(x):",
    "    return  x",
    "a: 1",
    "- a",
    "1. b",
    "> ",
    "| a | b |",
    "|---|---|",
    "# T",
    "word",
    "Word.",
    "I hope this helps!",
    "Hi.",
    "<pre>",
    "</pre>",
    " ",
    "  ",
    "   ",
    "\t",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\u200b",
    "\ufeff",
    "\u00a0",
    "\u2028",
    "\x0c",
    "\u0301",
    "e",
    "\u1fef",
    "א",
    "\u202e",
    "😀",
    "\u200d",
    ";",
    ",",
    ":",
]
messes = st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(max_size=40)
options = st.builds(
    Options,
    closer=st.booleans(),
    whitespace=st.booleans(),
    smart_quotes=st.sampled_from(["keep", "straight"]),
    json=st.sampled_from(["off", "compact", "indent"]),
    sql=st.sampled_from(["off", "oneline"]),
    sql_keywords=st.sampled_from(["keep", "upper"]),
    prefix=st.sampled_from([None, "Hi.", "Hi. ", "Sure, here is the answer:", "Word\n\n", '"']),
)


@pytest.mark.timeout(40)
@pytest.mark.parametrize("part", ["[", "\n", "\r\n", "/", "[]", "GO\n", "(", "'a", "$a$", "/*", "\r"])
def test_no_text_takes_the_square_of_its_length(part: str) -> None:
    """Each takes a moment; what takes the square of the length takes minutes."""
    text = "SELECT a FROM " + part * (100_000 // len(part))
    standardise(text, Options(sql="oneline", sql_keywords="upper"))


@settings(max_examples=600, deadline=None)
@given(messes, options, st.sampled_from(["prompt", "answer"]))
@example("Hi.\r\n", Options(prefix="Hi.", closer=False, whitespace=False), "answer")
def test_twice_is_once(text, chosen, role):
    once = standardise(text, chosen, role=role)
    assert (once.text != text) == bool(once.did)
    again = standardise(once.text, chosen, role=role)
    assert (again.text, again.did) == (once.text, ())


lines_of_code = st.text(
    st.characters(exclude_characters="\r`~", exclude_categories=["Cs"]) | st.sampled_from(" \t\n"),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(lines_of_code, st.sampled_from(["```", "~~~~", "```python"]), messes)
def test_fenced_code_keeps_every_byte(code, fence, prose):
    assume("`" not in prose and "~" not in prose and "<" not in prose and "\u1fef" not in prose)
    block = f"{fence}\n{code}\n{fence[:4].rstrip('p')}"
    assert block in standardise(f"Run this.\n\n{block}\n\n{prose}", Options(closer=True)).text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["x  = 1", "y ", "  z", "", "\tq", "é\u0301"]), min_size=1, max_size=6))
def test_indented_code_keeps_every_byte(code):
    assume(code[0].strip() and code[-1].strip())
    block = "\n".join("    " + line if line else "" for line in code)
    assert block in standardise(f"Run this.\n\n{block}\n\nDone  now.", Options()).text


# --- the documentation -------------------------------------------------------------------------------

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "standardise.md"


def documented():
    """Rows of the tables: (options, before, after); rows with one cell are texts that stay."""
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        texts = [json.loads(cell[1:-1]) for cell in cells if cell.startswith('`"') and line.startswith("|")]
        if len(texts) == 1:
            yield "{}", texts[0], texts[0]
        elif texts:
            option = cells[1].strip("`")
            yield "{%s}" % (option if ":" in option else ""), *texts


@pytest.mark.parametrize(("option", "before", "after"), list(documented()))
def test_documented_examples(option, before, after):
    assert clean(before, **yaml.safe_load(option)).text == after


def test_every_rule_is_documented():
    names = {
        line.split("|")[1].strip(" `")
        for line in DOCUMENT.read_text(encoding="utf-8").splitlines()
        if "|" in line
    }
    assert set(RULES) <= names
