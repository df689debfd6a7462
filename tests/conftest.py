"""What all tests share: hypothesis never judges by the clock, and its examples leave nothing behind in the tree."""

from hypothesis import settings

settings.register_profile("house", deadline=None, database=None)
settings.load_profile("house")
