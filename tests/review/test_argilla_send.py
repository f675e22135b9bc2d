"""Records in the format of Argilla's API."""

from __future__ import annotations

from synth.review.records import ReviewRecord
from synth.review.targets.argilla.send import item_of
from synth.review.tasks import FieldSpec

TAG = "a < b && <img src=x onerror='alert(1)'> \"c\""


def test_what_the_page_would_take_for_html_is_escaped_and_markdown_is_not() -> None:
    fields = [
        FieldSpec(name="prompt", type="chat"),
        FieldSpec(name="question", type="text"),
        FieldSpec(name="source", type="text", use_markdown=True),
    ]
    messages = [{"role": "user", "content": TAG}]
    record = ReviewRecord("r", {"prompt": messages, "question": TAG, "source": TAG}, {"response": TAG}, {})
    item = item_of(record, fields, {"response": "id"}, {})
    plain = "a &lt; b &amp;&amp; &lt;img src=x onerror='alert(1)'&gt; \"c\""
    assert item["fields"] == {
        "prompt": [{"role": "user", "content": plain}],
        "question": plain,
        "source": TAG,
    }
    # What people edit is a text of the form, never HTML, and comes back as it is.
    assert item["suggestions"][0]["value"] == TAG
    assert messages == [{"role": "user", "content": TAG}]
