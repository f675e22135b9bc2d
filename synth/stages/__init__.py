"""The stages: a folder each, named as the recipe names them, and what they are built from."""
