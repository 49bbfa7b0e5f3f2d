"""The proof: test vectors, cocotb test benches and the runner that judges them."""
