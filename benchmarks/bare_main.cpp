// Plays weights.hex and x.hex into the forward core.  Arguments: beats of z after which to end, beats of x in an image.

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "Vtop.h"

double sc_time_stamp() { return 0; }

static std::vector<uint64_t> words_of(const char* file) {
    std::ifstream lines{file};
    std::vector<uint64_t> words;
    for (std::string line; lines >> line;) words.push_back(std::stoull(line, nullptr, 16));
    return words;
}

int main(int argc, char** argv) {
    Verilated::commandArgs(argc, argv);
    const std::unique_ptr<Vtop> top{new Vtop{""}};
    const std::vector<uint64_t> weights = words_of("weights.hex"), x = words_of("x.hex");
    const size_t wanted = std::atol(argv[1]), image = std::atol(argv[2]);
    size_t weight = 0, pixel = 0, taken = 0;
    top->aresetn = 0;
    top->m_axis_z_tready = 1;
    top->s_axis_weights_tvalid = top->s_axis_x_tvalid = 0;
    for (uint64_t cycle = 0; taken < wanted; ++cycle) {
        top->aclk = 0;
        top->eval();
        const bool weight_goes = top->s_axis_weights_tvalid && top->s_axis_weights_tready;
        const bool pixel_goes = top->s_axis_x_tvalid && top->s_axis_x_tready;
        if (top->aresetn) taken += top->m_axis_z_tvalid;
        top->aclk = 1;
        top->eval();
        if (cycle < 8) continue;
        top->aresetn = 1;
        weight += weight_goes;
        pixel += pixel_goes;
        top->s_axis_weights_tvalid = weight < weights.size();
        if (top->s_axis_weights_tvalid) {
            top->s_axis_weights_tdata = weights[weight];
            top->s_axis_weights_tlast = weight + 1 == weights.size();
        }
        top->s_axis_x_tvalid = weight == weights.size() && pixel < x.size();
        if (top->s_axis_x_tvalid) {
            top->s_axis_x_tdata = x[pixel];
            top->s_axis_x_tlast = (pixel + 1) % image == 0;
        }
    }
    return 0;
}
