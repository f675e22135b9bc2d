"""Checks whether a paraphrase still asks the same, without a model: numbers, negations, names and
literals.
"""
