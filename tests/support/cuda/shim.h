// SPDX-License-Identifier: Apache-2.0
// Runs CUDA C on a CPU, one thread after the other, in one of five orders. Threads of kernels with barriers are fibers:
// each runs until it comes to a barrier, and on when all have come.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <ucontext.h>
#include <vector>
#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(...)
#define uint unsigned int
#define CUDART_INF_F INFINITY
#define CUDART_NAN_F NAN
using std::max;
using std::min;
struct Place { int x, y, z; };
static Place blockIdx, threadIdx;

namespace shim {
inline int run_block(const std::vector<unsigned>& lanes);

// `work` does a thread's; in kernels with barriers, `body` does
template <class One> int run(unsigned columns, unsigned rows, unsigned threads, int schedule, bool barriers, One work) {
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
    work();
  };
  if (barriers) {
    for (unsigned block : blocks) {
      blockIdx = {int(block % columns), int(block / columns), 0};
      if (schedule >= 3) std::rotate(lanes.begin(), lanes.begin() + threads / 3, lanes.end());
      if (int failed = run_block(lanes)) return failed;
    }
    return 0;
  }
  if (schedule >= 3) {  // a thread of each block before the next thread of any
    for (unsigned lane : lanes) for (unsigned block : blocks) one(block, lane);
  } else {
    for (unsigned block : blocks) for (unsigned lane : lanes) one(block, lane);
  }
  return 0;
}

struct Fiber { ucontext_t at; std::vector<char> stack; bool waits, done; };
static std::vector<Fiber> fibers;
static ucontext_t home;
static unsigned running;
static void (*body)();

inline void enter() {
  body();
  fibers[running].done = true;
  swapcontext(&fibers[running].at, &home);
}

inline void barrier() {
  fibers[running].waits = true;
  swapcontext(&fibers[running].at, &home);
  threadIdx.x = int(running);
}

// 1: some threads have ended while others wait at a barrier
inline int run_block(const std::vector<unsigned>& lanes) {
  fibers.resize(lanes.size());
  for (Fiber& fiber : fibers) {
    fiber.waits = fiber.done = false;
    fiber.stack.resize(1 << 17);
    getcontext(&fiber.at);
    fiber.at.uc_stack.ss_sp = fiber.stack.data();
    fiber.at.uc_stack.ss_size = fiber.stack.size();
    fiber.at.uc_link = &home;
    makecontext(&fiber.at, enter, 0);
  }
  for (;;) {
    size_t done = 0;
    for (unsigned lane : lanes) {
      running = lane;
      threadIdx = {int(lane), 0, 0};
      fibers[lane].waits = false;
      swapcontext(&home, &fibers[lane].at);
      done += fibers[lane].done;
    }
    if (done) return done == lanes.size() ? 0 : 1;
  }
}
}  // namespace shim
static inline void __syncthreads() { shim::barrier(); }
