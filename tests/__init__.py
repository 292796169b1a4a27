"""Tests of the road. A package, because a dependency of the SageMaker SDK installs another one of this name."""
