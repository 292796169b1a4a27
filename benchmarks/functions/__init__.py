"""Functions that decide about a version, and how each is started from nothing."""
