// SPDX-License-Identifier: Apache-2.0
// Runs CUDA C on a CPU, one thread after the other, in one of five orders.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>
#define __global__
#define __device__
#define __launch_bounds__(...)
#define uint unsigned int
#define CUDART_INF_F INFINITY
#define CUDART_NAN_F NAN
using std::max;
using std::min;
struct Place { int x, y, z; };
static Place blockIdx, threadIdx;

namespace shim {
template <class Body> void run(unsigned columns, unsigned rows, unsigned threads, int schedule, Body body) {
  std::vector<unsigned> blocks(columns * rows), lanes(threads);
  for (unsigned i = 0; i < blocks.size(); ++i) blocks[i] = i;
  for (unsigned i = 0; i < threads; ++i) lanes[i] = i;
  if (schedule == 1 || schedule == 4) {
    std::reverse(blocks.begin(), blocks.end());
    std::reverse(lanes.begin(), lanes.end());
  }
  unsigned long long state = 1;
  auto shuffle = [&](std::vector<unsigned>& order) {
    for (size_t i = order.size(); i > 1; --i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      std::swap(order[i - 1], order[(state >> 33) % i]);
    }
  };
  if (schedule == 2) shuffle(blocks), shuffle(lanes);
  auto one = [&](unsigned block, unsigned lane) {
    blockIdx = {int(block % columns), int(block / columns), 0};
    threadIdx = {int(lane), 0, 0};
    body();
  };
  if (schedule >= 3) {  // a thread of each block before the next thread of any
    for (unsigned lane : lanes) for (unsigned block : blocks) one(block, lane);
  } else {
    for (unsigned block : blocks) for (unsigned lane : lanes) one(block, lane);
  }
}
}  // namespace shim
