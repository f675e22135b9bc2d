"""The recipe: YAML in, frozen models out. Inert: reading one runs no code and calls nobody."""
