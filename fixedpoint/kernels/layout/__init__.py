"""The layout of tensors in memory: phases, planes, row tiles, digits; kernels that gather and pack words into it."""
