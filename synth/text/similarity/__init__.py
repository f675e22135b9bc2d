"""Similarity of texts: near-duplicates by letters and words, novelty by ROUGE-L, subjects by vectors."""
