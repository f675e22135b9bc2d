"""Statistics of single stages, counted over a run's rows."""
