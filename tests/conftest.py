"""Turns on pytest's own plugin for the tests of plugins."""

pytest_plugins = ["pytester"]
