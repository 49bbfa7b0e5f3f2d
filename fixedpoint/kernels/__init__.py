"""The fast engine: the four passes on vectors and threads, compiled by Numba."""
