"""Human review: sends rows to annotators, and brings their decisions back."""
