"""Measurements and test data of the register; nothing here is needed to run it."""
