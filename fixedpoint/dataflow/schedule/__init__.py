"""What a core does in which order, and where its words lie: what the hardware is built from."""
