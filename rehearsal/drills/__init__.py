"""Faults at named places of the road, each with the gate that must stop it."""
