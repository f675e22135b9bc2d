"""Plain functions on text: comparing, normalising, finding near-copies. Nothing here knows about rows."""
