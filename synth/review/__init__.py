"""People in the loop: rows go to Argilla, and decisions come back."""
