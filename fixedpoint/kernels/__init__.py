"""The fast engine: the passes on vectors and threads, compiled by Numba.

    source rows --gather--> planes --correlate--> exact sums --requantize--> results      forward, input gradient
    x rows, dz rows --gather--> planes ----dot--> exact sums --requantize--> results      weight gradient

    convolution     descriptor of a forward pass or an input gradient
    convolve        chooses the algorithm:  direct, or winograd (with winograd_transforms)
    weight_sums     the weight gradient
    multiply_add    the two inner products, correlate and dot
    rounding_rows   rounding and overflow of rows of sums
    layout/         memory: phases of an axis, planes, row tiles, digits of wide words; gather and packing fill them
    runtime/        the only place that knows Numba's internals: compilation, cache, calls, threads, memory, vectors

Three kinds of tiles: a row tile is what one thread computes at once (`layout.tiles`), a register tile what registers
hold (`runtime.register_tiles`), and a Winograd tile the 2 x 2 results that share their products (`winograd`).
"""
