"""Other people's scanners over the recorded program, with this project's waivers: `python -m tests.scan`."""
