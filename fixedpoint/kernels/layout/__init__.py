"""How tensors lie in memory for kernels: phases, tiles of rows, planes, digits of wide words."""
