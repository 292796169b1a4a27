"""The resource graph of each stack file as text: what a change of the program would change, for a reviewer to read."""
