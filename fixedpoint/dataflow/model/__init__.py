"""The computation in stages joined by bounded FIFOs, as the hardware does it, bit-exact."""
