"""Moves rows through the stages, commits the results, and resumes runs."""
