"""The test bench: what plays beats into a core and writes down what comes out, inside the simulator."""
