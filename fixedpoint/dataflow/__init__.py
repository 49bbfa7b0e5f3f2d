"""The computation as the hardware does it: its loops, buffers and lanes, as plans that the hardware is built from."""
