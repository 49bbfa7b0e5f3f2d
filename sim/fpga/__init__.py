"""Cores on FPGAs: cells by Yosys, clock rate by nextpnr."""
