"""Standardises texts: equal content gets an equal form."""
