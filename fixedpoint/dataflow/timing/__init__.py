"""Cycles: when beats arrive, rows are computed and results leave."""
