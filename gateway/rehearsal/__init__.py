"""Simulated carriers, and people, to rehearse with."""
