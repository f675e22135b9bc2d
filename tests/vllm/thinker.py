"""A reasoning model made of SmolLM2: the same weights, `<think>` and `</think>` as tokens of their own, and a
chat template that opens the thinking unless it is switched off, as Qwen3's does.

It is no better for it: what it thinks is babble. When it stops thinking is therefore left to vLLM
(`thinking_token_budget`), so that nothing depends on what it says.
"""

from __future__ import annotations

import json
from pathlib import Path

# Tokens of the vocabulary that nothing uses, and what they are called from now on: the qwen3 parser looks for
# all four.
_RENAMED = {
    "<jupyter_start>": "<think>",
    "<jupyter_text>": "</think>",
    "<jupyter_code>": "<tool_call>",
    "<jupyter_output>": "</tool_call>",
}
# By their numbers in SmolLM2's vocabulary.
END_OF_TURN, END_OF_THINKING = "2", "12"
DIGITS = [33, 34, 35, 36, 37]  # 1 to 5

_TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
<think>
{% if enable_thinking is defined and not enable_thinking %}
</think>

{% endif -%}
{%- endif -%}
"""


def make_thinker(model: Path, folder: Path) -> None:
    """Writes a reasoning model into `folder`, with the weights of `model`."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in model.iterdir():
        if file.name not in ("tokenizer.json", "chat_template.jinja"):
            (folder / file.name).symlink_to(file.resolve())
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    for token in tokenizer["added_tokens"]:
        if new := _RENAMED.get(token["content"]):
            # Not special: special tokens are left out of the text that servers look for them in.
            token.update(content=new, special=False)
    vocabulary = tokenizer["model"]["vocab"]
    for old, new in _RENAMED.items():
        vocabulary[new] = vocabulary.pop(old)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "chat_template.jinja").write_text(_TEMPLATE)
