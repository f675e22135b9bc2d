"""Whether a paraphrase still asks the same: numbers, negations, names and literals, without a model."""
