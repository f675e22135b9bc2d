"""Executable checks of an answer: JSON against a schema, SQL on a database, a user's function."""
