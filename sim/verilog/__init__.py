"""Test benches in plain Verilog, for the simulator's own speed and for those who run no Python."""
