"""Measurements that anyone can repeat: each compares this project with what it stands beside, in one run."""
