"""From the Pulumi program to resources of the emulated account."""
