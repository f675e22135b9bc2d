"""Carries rows through the stages, commits what comes out, and resumes."""
