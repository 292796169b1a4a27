"""The policy pack: rules about the resource graph that no public scanner has."""
