"""The stages, one folder each with the recipe's name for it, and their base classes."""
