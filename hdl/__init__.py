"""The hardware: MyHDL blocks and their export to Verilog."""
