"""Verilator and Icarus Verilog: built, started, and believed only as far as they prove."""
