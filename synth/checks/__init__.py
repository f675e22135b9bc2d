"""What can be executed about an answer: JSON against a schema, SQL on a database, a user's own function."""
