"""The fake model: scripted or made-up replies, for demonstrations and tests."""
