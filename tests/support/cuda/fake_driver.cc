// SPDX-License-Identifier: Apache-2.0
// A libcuda.so.1 without a GPU. A "cubin" is a shared library made by `shim.py`; device memory is memory that ends at
// a page which may not be touched, and begins as NaN; kernels run before the launch returns.
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#define API extern "C" int
typedef int (*Launch)(void**, unsigned, unsigned, unsigned, int);
static int schedule = 0, capability = 90, devices = 1;
static long long launches = 0, allocated = 0, most = 1ll << 40;
static std::map<unsigned long long, std::pair<char*, size_t>> memory;

extern "C" void fake_set(const char* name, long long value) {
  if (!strcmp(name, "schedule")) schedule = int(value);
  if (!strcmp(name, "capability")) capability = int(value);
  if (!strcmp(name, "devices")) devices = int(value);
  if (!strcmp(name, "memory")) most = value;
}
extern "C" long long fake_get(const char* name) {
  return !strcmp(name, "launches") ? launches : !strcmp(name, "buffers") ? (long long)memory.size() : allocated;
}

API cuInit(unsigned) { return 0; }
API cuDeviceGetCount(int* count) { *count = devices; return 0; }
API cuDeviceGet(int* device, int) { *device = 0; return 0; }
API cuDeviceGetAttribute(int* value, int which, int) {
  *value = which == 75 ? capability / 10 : which == 76 ? capability % 10 : 0;
  return 0;
}
API cuDevicePrimaryCtxRetain(void** context, int) { *context = (void*)1; return 0; }
API cuCtxSetCurrent(void*) { return 0; }
API cuMemGetInfo_v2(size_t* free, size_t* total) { *free = most - allocated; *total = most; return 0; }
API cuMemAlloc_v2(unsigned long long* address, size_t size) {
  if (allocated + (long long)size > most) return 2;
  const size_t page = 4096, used = (size + 7) / 8 * 8, whole = (used + page - 1) / page * page;
  char* start = (char*)mmap(0, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return 2;
  mprotect(start + whole, page, PROT_NONE);
  memset(start, 0xff, whole);
  *address = (unsigned long long)(start + whole - used);
  memory[*address] = {start, whole + page};
  allocated += size;
  return 0;
}
API cuMemFree_v2(unsigned long long address) {
  auto found = memory.find(address);
  if (found == memory.end()) return 1;
  munmap(found->second.first, found->second.second);
  memory.erase(found);
  return 0;
}
API cuMemcpyHtoD_v2(unsigned long long to, const void* from, size_t size) { memcpy((void*)to, from, size); return 0; }
API cuMemcpyDtoH_v2(void* to, unsigned long long from, size_t size) { memcpy(to, (void*)from, size); return 0; }
API cuModuleLoadData(void** module, const void* image) {
  auto header = (const Elf64_Ehdr*)image;
  if (memcmp(header->e_ident, ELFMAG, SELFMAG)) return 200;
  const size_t size = header->e_shoff + size_t(header->e_shnum) * header->e_shentsize;
  char path[] = "/tmp/hepq-fake-cubin-XXXXXX";
  int file = mkstemp(path);
  if (file < 0 || write(file, image, size) != (ssize_t)size) return 200;
  close(file);
  *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  unlink(path);
  return *module ? 0 : 200;
}
API cuModuleUnload(void* module) { return dlclose(module) ? 1 : 0; }
API cuModuleGetFunction(void** function, void* module, const char* name) {
  *function = dlsym(module, (std::string("launch_") + name).c_str());
  return *function ? 0 : 500;
}
API cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned, unsigned threads, unsigned, unsigned, unsigned, void*,
                   void** arguments, void**) {
  ++launches;
  if (!x || !y) return 1;
  return ((Launch)function)(arguments, x, y, threads, schedule);
}
API cuGetErrorString(int status, const char** text) {
  *text = status == 2 ? "out of memory" : status == 200 ? "device kernel image is invalid" : "fake driver error";
  return 0;
}
