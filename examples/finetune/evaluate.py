"""What a model answers to rows it was not trained on: as it is, with examples, or with an adapter.

    python evaluate.py --model MODEL --data runs/finetune/export/trl-sft --system system.md --shots 10
    python evaluate.py --model MODEL --data runs/finetune/export/trl-sft --adapter tuned --general

Prints one line of JSON with a 95% interval for each share. `exact` is what a program could read, `meant`
forgives the form. `general` is a task that has nothing to do with the data: what was forgotten shows there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from scoring import is_accepted, is_exact, is_meant, vocabulary_of, wilson
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).resolve().parent
Message = dict[str, str]
Row = dict[str, Any]


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="a model's folder, or its name on a hub")
    parser.add_argument("--data", type=Path, required=True, help="the folder of an export")
    parser.add_argument("--split", default="test", help="the file of it that is asked")
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--system", type=Path, help="a file whose text takes the system prompt's place")
    parser.add_argument("--shots", type=int, default=0, help="examples of train.jsonl before each question")
    parser.add_argument("--rows", type=int, help="asks the first so many rows alone")
    parser.add_argument("--tokens", type=int, default=8, help="room for an answer")
    parser.add_argument("--batch", type=int, default=25)
    parser.add_argument("--general", action="store_true", help="ask general_test.jsonl, too")
    parser.add_argument("--wrong", type=Path, help="writes pairs: the right answer, the wrong one given")
    parser.add_argument("--answers", type=Path, help="writes every answer")
    return parser.parse_args(words)


class Answerer:
    """A model, with or without an adapter, that answers conversations by greedy decoding."""

    def __init__(self, name: str, adapter: Path | None, batch: int) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left")
        dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
        model = AutoModelForCausalLM.from_pretrained(name, dtype=dtype)
        if adapter is not None:
            model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
        self._model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        self._batch = batch

    @torch.inference_mode()
    def answer(self, conversations: Sequence[list[Message]], tokens: int) -> list[str]:
        """An answer to each, in their order. Those of like length go together, so that little is padding."""
        texts = [
            self._tokenizer.apply_chat_template(c, tokenize=False, add_generation_prompt=True)
            for c in conversations
        ]
        answers = [""] * len(texts)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(order), self._batch):
            places = order[start : start + self._batch]
            batch = self._tokenizer(
                [texts[place] for place in places],
                return_tensors="pt",
                padding=True,
                add_special_tokens=False,  # the template has written them
            ).to(self._model.device)
            made = self._model.generate(**batch, max_new_tokens=tokens, do_sample=False)
            said = self._tokenizer.batch_decode(
                made[:, batch["input_ids"].shape[1] :], skip_special_tokens=True
            )
            for place, text in zip(places, said, strict=True):
                answers[place] = text.strip()
        return answers


def read_lines(file: Path) -> list[Row]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def as_asked(prompt: list[Message], system: str | None, shots: Sequence[Row]) -> list[Message]:
    """The row's prompt, under another system prompt and after examples where these are wanted."""
    if system is not None:
        prompt = [{"role": "system", "content": system}, *(m for m in prompt if m["role"] != "system")]
    head = [m for m in prompt if m["role"] == "system"]
    shown = [m for row in shots for m in (*row["prompt"], *row["completion"]) if m["role"] != "system"]
    return [*head, *shown, *prompt[len(head) :]]


def pick_shots(rows: Sequence[Row], count: int) -> list[Row]:
    """The first rows of train, each answer once before any comes twice: few examples show all labels."""
    seen: dict[str, int] = {}
    turns = []
    for place, row in enumerate(rows):
        answer = row["completion"][0]["content"]
        turns.append((seen.get(answer, 0), place))
        seen[answer] = seen.get(answer, 0) + 1
    return [rows[place] for _, place in sorted(turns)[:count]]


def ask_holdout(answerer: Answerer, given: argparse.Namespace) -> dict[str, Any]:
    """Asks the rows of `given.split`, and writes the files that were asked for."""
    rows = read_lines(given.data / f"{given.split}.jsonl")[: given.rows]
    system = given.system.read_text(encoding="utf-8").strip() if given.system else None
    shots = pick_shots(read_lines(given.data / "train.jsonl"), given.shots) if given.shots else []
    answers = answerer.answer([as_asked(row["prompt"], system, shots) for row in rows], given.tokens)
    expected = [row["completion"][0]["content"] for row in rows]
    vocabulary = vocabulary_of(expected)
    exact = [is_exact(a, e) for a, e in zip(answers, expected, strict=True)]
    meant = [is_meant(a, e, vocabulary) for a, e in zip(answers, expected, strict=True)]
    if given.answers:
        _write(given.answers, [{**row, "answer": a} for row, a in zip(rows, answers, strict=True)])
    if given.wrong:
        _write(given.wrong, _pairs(rows, answers, exact))
    return {
        "rows": len(rows),
        "exact": str(wilson(sum(exact), len(exact))),
        "meant": str(wilson(sum(meant), len(meant))),
        "right": "".join("01"[hit] for hit in exact),
    }


def ask_general(answerer: Answerer) -> dict[str, Any]:
    """Asks general_test.jsonl, with no system prompt."""
    rows = read_lines(HERE / "general_test.jsonl")
    asked = [[{"role": "user", "content": row["instruction"]}] for row in rows]
    answers = answerer.answer(asked, tokens=16)
    hits = [is_accepted(answer, row["accept"]) for answer, row in zip(answers, rows, strict=True)]
    return {
        "general": str(wilson(sum(hits), len(hits))),
        "general_right": "".join("01"[hit] for hit in hits),
        "general_answers": answers[:3],
    }


def evaluate(given: argparse.Namespace) -> dict[str, Any]:
    """All that was asked for, as one object."""
    answerer = Answerer(given.model, given.adapter, given.batch)
    found = ask_holdout(answerer, given)
    return {**found, **ask_general(answerer)} if given.general else found


def _pairs(rows: Sequence[Row], answers: Sequence[str], exact: Sequence[bool]) -> list[Row]:
    return [
        {
            "prompt": row["prompt"],
            "chosen": row["completion"],
            "rejected": [{"role": "assistant", "content": answer}],
        }
        for row, answer, hit in zip(rows, answers, exact, strict=True)
        if not hit and answer
    ]


def _write(file: Path, rows: Sequence[Row]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    print(json.dumps(evaluate(arguments())))
