"""What is right: one convolution layer in float64 NumPy, forward and backward."""
