"""What all tests share."""

import os

from hypothesis import settings

# For the tests of plugins.
pytest_plugins = ["pytester"]

# An example may take its time where other work keeps the processors busy. In CI the examples are
# the same in every run, so that a change is judged by what it changes; elsewhere they are new.
settings.register_profile("patient", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("patient")
