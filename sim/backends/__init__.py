"""Simulators, and how a core is played in them."""
