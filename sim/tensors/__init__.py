"""Where operands come from: random words, pictures and files."""
