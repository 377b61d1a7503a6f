"""What all tests share."""

import os

from hypothesis import Phase, settings

# For the tests of plugins.
pytest_plugins = ["pytester"]

# An example may take its time where other work keeps the processors busy. In CI the examples are
# the same in every run, so that a change is judged by what it changes; elsewhere they are new.
settings.register_profile("patient", deadline=None, derandomize="CI" in os.environ)
# For hours in which nothing else is to be done, as every night.
settings.register_profile("fuzz", deadline=None, max_examples=5_000, print_blob=True)
# For tests of which it only counts whether they fail.
settings.register_profile(
    "mutation", deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patient"))
