#include <verilated.h>
#include <verilated_vpi.h>
