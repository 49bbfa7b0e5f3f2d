"""What kernels run on: compilation, threads, working memory, vector instructions."""
