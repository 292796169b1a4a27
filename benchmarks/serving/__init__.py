"""Our serving code against the recipe that everybody writes, on the serving container's own stack."""
