"""The recipe: reads YAML as frozen models. Reading runs no code of the recipe and sends no request."""
