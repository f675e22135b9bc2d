"""The order in which slots go through the stages: the same whatever takes how long."""
