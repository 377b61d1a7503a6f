"""What all tests share."""

from hypothesis import settings

# For the tests of plugins.
pytest_plugins = ["pytester"]

# An example may take its time where other work keeps the processors busy.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
