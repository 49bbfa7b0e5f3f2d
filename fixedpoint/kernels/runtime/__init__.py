"""What kernels run on: compilation and its cache, calls by address, threads, scratch memory, vectors, the machine."""
