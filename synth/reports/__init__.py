"""What a run says about single stages, counted over its rows."""
