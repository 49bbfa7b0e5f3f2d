#include <verilated.h>
#include <verilated_vpi.h>

#include <memory>

#include "Vtop.h"

static const vluint64_t HALF_PERIOD_PS = 5000;
static vluint64_t now = 0;

double sc_time_stamp() { return now; }
extern "C" void vlog_startup_routines_bootstrap();

// What is changed by cocotb, and what that changes, until nothing does
static void settle(Vtop* top) {
    do {
        do {
            top->eval();
            VerilatedVpi::clearEvalNeeded();
            VerilatedVpi::doInertialPuts();
            while (VerilatedVpi::callValueCbs()) {}
        } while (VerilatedVpi::evalNeeded());
        VerilatedVpi::callCbs(cbReadWriteSynch);
        VerilatedVpi::doInertialPuts();
        while (VerilatedVpi::callValueCbs()) {}
    } while (VerilatedVpi::evalNeeded());
    VerilatedVpi::callCbs(cbReadOnlySynch);
}

int main(int argc, char** argv) {
    Verilated::commandArgs(argc, argv);
    const std::unique_ptr<Vtop> top{new Vtop{""}};
    Verilated::fatalOnVpiError(false);
    vlog_startup_routines_bootstrap();
    Verilated::addExitCb([](void*) { VerilatedVpi::callCbs(cbEndOfSimulation); }, nullptr);
    VerilatedVpi::callCbs(cbStartOfSimulation);
    vluint64_t edge = HALF_PERIOD_PS;  // when the clock changes next
    top->aclk = 0;
    for (;;) {
        settle(top.get());
        if (Verilated::gotFinish()) break;
        const vluint64_t due = VerilatedVpi::cbNextDeadline();
        const CData done = top->done;
        while (edge <= due && top->done == done && !Verilated::gotFinish()) {
            now = edge;
            edge += HALF_PERIOD_PS;
            top->aclk = !top->aclk;
            top->eval();
        }
        if (top->done == done && !Verilated::gotFinish()) now = due;
        VerilatedVpi::callCbs(cbNextSimTime);
        VerilatedVpi::callTimedCbs();
    }
    top->final();
    VerilatedVpi::callCbs(cbEndOfSimulation);
    return Verilated::threadContextp()->errorCount() > 0;
}
