"""Choices of lanes, and measurements of cores that are kept."""
