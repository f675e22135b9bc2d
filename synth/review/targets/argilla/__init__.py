"""A review in Argilla."""
