"""Which texts are alike: near-duplicates by letters and words, novelty by ROUGE-L, subjects by vectors."""
