"""vLLM on the user's own machine: where it is, how it is started for a recipe, and whether models fit."""
