"""What the hardware must equal: number formats and the four passes in integers."""
