/* A made-up NVIDIA driver: libnvidia-ml.so.1 and libcuda.so.1 in one, for the real nvidia-ml-py.
 *
 * Its state lies in a file ($FAKE_NVML_STATE) that is mapped by whoever asks and whoever drives it
 * (card.py has the same layout). A process's memory is counted while it lives, as a driver would. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0x31564e46u
#define DEVICES 4
#define SLOTS 64
#define UNKNOWN_BYTES (~0ull)

enum { OK, UNINITIALIZED, INVALID_ARGUMENT, NOT_SUPPORTED, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
       DRIVER_NOT_LOADED = 9, FUNCTION_NOT_FOUND = 13, VERSION_MISMATCH = 25 };

typedef struct {
  uint32_t pid, device, is_graphics, is_lasting;
  uint64_t start_ticks, bytes;
  uint64_t held_bytes, held_until_ns; /* freed, and not yet seen to be */
  uint64_t died_ns;                   /* when somebody first saw it dead */
} slot_t;

typedef struct {
  char uuid[48], name[64], bus_id[32];
  uint64_t total, reserved, hidden, lie_total, lie_free;
  uint32_t query_rc, lies;
} device_t;

typedef struct {
  uint32_t magic, devices, init_rc, query_rc, processes_rc, hides_use, lacks_v2, blocks, generation,
      cuda_rc;
  uint64_t lag_ns, inits, opens, shutdowns, calls, waiting, cuda_inits;
  device_t device[DEVICES];
  slot_t slot[SLOTS];
} state_t;

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int version; unsigned long long total, reserved, free, used; } memory_v2_t;
typedef struct { unsigned int pid; unsigned long long used; unsigned int gpu, compute; } process_t;
typedef struct {
  char legacy_id[16];
  unsigned int domain, bus, device, pci_id, subsystem_id;
  char bus_id[32];
} pci_t;

static state_t *mapped;
static char mapped_path[4096];
static int opened;
static uint32_t opened_generation;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* The state of the path that the environment names now: a process may see several cards in turn. */
static state_t *state(void) {
  const char *path = getenv("FAKE_NVML_STATE");
  if (!path) return NULL;
  if (mapped && !strcmp(path, mapped_path)) return mapped;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return NULL;
  void *found = mmap(0, sizeof(state_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (found == MAP_FAILED || ((state_t *)found)->magic != MAGIC) return NULL;
  snprintf(mapped_path, sizeof mapped_path, "%s", path);
  opened = 0; /* the old mapping stays: another thread may wait in it */
  return mapped = found;
}

static void count(uint64_t *counter) { __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST); }

static void wait_while(state_t *s, uint32_t what) {
  volatile uint32_t *blocks = &s->blocks;
  struct timespec moment = {0, 2000000};
  if (!(*blocks & what)) return;
  count(&s->waiting);
  while (*blocks & what) nanosleep(&moment, 0);
  __atomic_sub_fetch(&s->waiting, 1, __ATOMIC_SEQ_CST);
}

/* When the process started, in ticks; 0: there is none. A zombie's memory is free. */
static uint64_t start_of(uint32_t pid) {
  char path[64], told[1024], *at, condition;
  snprintf(path, sizeof path, "/proc/%u/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t got = read(fd, told, sizeof told - 1);
  close(fd);
  if (got <= 0) return 0;
  told[got] = 0;
  if (!(at = strrchr(told, ')'))) return 0;
  condition = at[2];
  at += 2;
  for (int field = 3; field < 22; field++) /* the start time is the 22nd */
    if (!(at = strchr(at + 1, ' '))) return 0;
  return condition != 'Z' && condition != 'X' ? strtoull(at + 1, 0, 10) : 0;
}

/* A pid may be another process by now. */
static int lives(const slot_t *slot) {
  uint64_t start = slot->is_lasting ? 0 : start_of(slot->pid);
  return slot->is_lasting || (start && start == slot->start_ticks);
}

static uint64_t seen_bytes(const state_t *s, slot_t *slot) {
  uint64_t now = now_ns();
  uint64_t bytes = slot->bytes;
  if (!slot->pid && now >= slot->held_until_ns) return 0;
  if (slot->pid && !lives(slot)) {
    if (!slot->died_ns) slot->died_ns = now;
    return now < slot->died_ns + s->lag_ns ? bytes : 0;
  }
  return now < slot->held_until_ns && slot->held_bytes > bytes ? slot->held_bytes : bytes;
}

static device_t *device_of(state_t *s, void *handle) {
  uintptr_t number = (uintptr_t)handle;
  return number >= 1 && number <= s->devices ? &s->device[number - 1] : NULL;
}

static uint64_t used_bytes(state_t *s, const device_t *device) {
  uint64_t used = device->hidden;
  for (int i = 0; i < SLOTS; i++)
    if (s->slot[i].device == (uint32_t)(device - s->device)) used += seen_bytes(s, &s->slot[i]);
  uint64_t room = device->total - device->reserved;
  return used < room ? used : room;
}

/* Every call but the first goes through here: it is counted, and may hang. */
static int enter(state_t **s) {
  if (!(*s = state())) return DRIVER_NOT_LOADED;
  count(&(*s)->calls);
  wait_while(*s, 1);
  if (!opened || opened_generation != (*s)->generation) return UNINITIALIZED;
  return (int)(*s)->query_rc;
}

#define ENTER \
  state_t *s; \
  int rc = enter(&s); \
  if (rc) return rc
#define ENTER_DEVICE(handle) \
  ENTER; \
  device_t *device = device_of(s, handle); \
  if (!device) return INVALID_ARGUMENT; \
  if (device->query_rc) return (int)device->query_rc

int nvmlInitWithFlags(unsigned flags) {
  (void)flags;
  state_t *s = state();
  if (!s) return DRIVER_NOT_LOADED;
  count(&s->calls);
  count(&s->inits);
  wait_while(s, 2);
  if (s->init_rc) return (int)s->init_rc;
  count(&s->opens);
  opened++;
  opened_generation = s->generation;
  return OK;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

int nvmlShutdown(void) {
  state_t *s = state();
  if (!s) return DRIVER_NOT_LOADED;
  count(&s->calls);
  if (!opened) return UNINITIALIZED;
  count(&s->shutdowns);
  opened--;
  return OK;
}

const char *nvmlErrorString(int rc) {
  static char told[32];
  snprintf(told, sizeof told, "made-up error %d", rc);
  return told;
}

int nvmlDeviceGetCount_v2(unsigned *found) {
  ENTER;
  *found = s->devices;
  return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
  ENTER;
  if (index >= s->devices) return INVALID_ARGUMENT;
  *handle = (void *)(uintptr_t)(index + 1);
  return OK;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle) {
  ENTER;
  for (uint32_t i = 0; i < s->devices; i++)
    if (!strcmp(uuid, s->device[i].uuid)) {
      *handle = (void *)(uintptr_t)(i + 1);
      return OK;
    }
  return NOT_FOUND;
}

/* The domain may be written with four digits, as the kernel does, or with eight. */
static int is_same_place(const char *one, const char *other) {
  unsigned a[4], b[4];
  const char *form = "%x:%x:%x.%x";
  return sscanf(one, form, a, a + 1, a + 2, a + 3) == 4 &&
         sscanf(other, form, b, b + 1, b + 2, b + 3) == 4 && !memcmp(a, b, sizeof a);
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, void **handle) {
  ENTER;
  for (uint32_t i = 0; i < s->devices; i++)
    if (is_same_place(bus_id, s->device[i].bus_id)) {
      *handle = (void *)(uintptr_t)(i + 1);
      return OK;
    }
  return NOT_FOUND;
}

int nvmlDeviceGetName(void *handle, char *told, unsigned size) {
  ENTER_DEVICE(handle);
  snprintf(told, size, "%s", device->name);
  return OK;
}

int nvmlDeviceGetUUID(void *handle, char *told, unsigned size) {
  ENTER_DEVICE(handle);
  snprintf(told, size, "%s", device->uuid);
  return OK;
}

int nvmlDeviceGetIndex(void *handle, unsigned *index) {
  ENTER_DEVICE(handle);
  *index = (unsigned)(device - s->device);
  return OK;
}

int nvmlDeviceGetPciInfo_v3(void *handle, pci_t *told) {
  ENTER_DEVICE(handle);
  memset(told, 0, sizeof *told);
  snprintf(told->bus_id, sizeof told->bus_id, "%s", device->bus_id);
  return OK;
}

int nvmlSystemGetDriverVersion(char *told, unsigned size) {
  ENTER;
  snprintf(told, size, "580.00.00");
  return OK;
}

int nvmlDeviceGetMemoryInfo(void *handle, memory_t *told) {
  ENTER_DEVICE(handle);
  told->total = device->lies ? device->lie_total : device->total;
  told->used = used_bytes(s, device) + device->reserved; /* the first version counts it as used */
  told->free = device->lies ? device->lie_free : told->total - told->used;
  return OK;
}

int nvmlDeviceGetMemoryInfo_v2(void *handle, memory_v2_t *told) {
  ENTER_DEVICE(handle);
  if (s->lacks_v2) return FUNCTION_NOT_FOUND;
  if (told->version != 0x02000028u) return VERSION_MISMATCH;
  told->total = device->lies ? device->lie_total : device->total;
  told->reserved = device->reserved;
  told->used = used_bytes(s, device);
  told->free = device->lies ? device->lie_free : told->total - told->reserved - told->used;
  return OK;
}

static int processes(void *handle, uint32_t is_graphics, unsigned *size, process_t *told) {
  ENTER_DEVICE(handle);
  unsigned found = 0;
  process_t list[SLOTS];
  if (s->processes_rc) return (int)s->processes_rc;
  for (int i = 0; i < SLOTS; i++) {
    slot_t *slot = &s->slot[i];
    if (!slot->pid || slot->is_graphics != is_graphics || !lives(slot)) continue;
    if (slot->device != (uint32_t)(device - s->device)) continue;
    uint64_t used = s->hides_use ? UNKNOWN_BYTES : seen_bytes(s, slot);
    list[found++] = (process_t){slot->pid, used, ~0u, ~0u};
  }
  int is_short = !told || *size < found;
  *size = found;
  if (!found) return OK;
  if (is_short) return INSUFFICIENT_SIZE;
  memcpy(told, list, found * sizeof *list);
  return OK;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *size, process_t *told) {
  return processes(handle, 0, size, told);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(void *handle, unsigned *size, process_t *told) {
  return processes(handle, 1, size, told);
}

/* --- CUDA's driver API: as much of it as takes memory. A context costs what a real one does. */

#define CONTEXT_BYTES (300ull << 20)
#define ALLOCATIONS 4096
enum { CUDA_INVALID_VALUE = 1, CUDA_OUT_OF_MEMORY, CUDA_NOT_INITIALIZED, CUDA_NO_DEVICE = 100,
       CUDA_INVALID_DEVICE, CUDA_INVALID_CONTEXT = 201 };

static uint64_t taken[ALLOCATIONS]; /* by this process; an address is a place in it, plus one */
static int cuda_device = -1;        /* whose context it has */

/* $CUDA_VISIBLE_DEVICES may name one card by its UUID. */
static int device_index(const state_t *s, int ordinal) {
  const char *wish = getenv("CUDA_VISIBLE_DEVICES");
  if (ordinal < 0 || ordinal >= (int)s->devices) return -1;
  if (!wish || !*wish) return ordinal;
  for (int i = 0; i < (int)s->devices; i++)
    if (!ordinal && !strcmp(wish, s->device[i].uuid)) return i;
  return -1;
}

static slot_t *slot_of(state_t *s, uint32_t pid) {
  slot_t *empty = NULL;
  for (int i = 0; i < SLOTS; i++) {
    slot_t *slot = &s->slot[i];
    if (slot->pid == pid && !slot->is_graphics && (int)slot->device == cuda_device && lives(slot))
      return slot;
    int is_free = slot->pid ? !lives(slot) : slot->held_until_ns <= now_ns();
    if (is_free && !empty) empty = slot;
  }
  if (!empty) return NULL;
  *empty = (slot_t){.device = (uint32_t)cuda_device, .start_ticks = start_of(pid)};
  empty->pid = pid;
  return empty;
}

/* Take (or give back) so much on the card; card.py locks the same file. */
static int change_use(int64_t change) {
  state_t *s = state();
  if (!s || cuda_device < 0) return CUDA_INVALID_CONTEXT;
  if (s->cuda_rc) return (int)s->cuda_rc;
  int lock = open(mapped_path, O_RDONLY | O_CLOEXEC);
  flock(lock, LOCK_EX);
  device_t *device = &s->device[cuda_device];
  slot_t *slot = slot_of(s, (uint32_t)getpid());
  int rc = CUDA_OUT_OF_MEMORY;
  if (slot && change <= (int64_t)(device->total - device->reserved - used_bytes(s, device))) {
    if (change < 0 && s->lag_ns) {
      slot->held_bytes = slot->bytes;
      slot->held_until_ns = now_ns() + s->lag_ns;
    }
    slot->bytes += (uint64_t)change;
    if (!slot->bytes) slot->pid = 0;
    rc = OK;
  }
  close(lock);
  return rc;
}

int cuInit(unsigned flags) {
  (void)flags;
  state_t *s = state();
  if (!s) return CUDA_NO_DEVICE;
  count(&s->cuda_inits);
  wait_while(s, 4);
  return (int)s->cuda_rc;
}

int cuDeviceGet(int *found, int ordinal) {
  state_t *s = state();
  if (!s) return CUDA_NOT_INITIALIZED;
  *found = device_index(s, ordinal);
  return *found < 0 ? CUDA_INVALID_DEVICE : OK;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
  cuda_device = device;
  int rc = change_use((int64_t)CONTEXT_BYTES);
  if (rc) cuda_device = -1;
  *context = rc ? NULL : &cuda_device;
  return rc;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  int64_t all = (int64_t)CONTEXT_BYTES;
  (void)device;
  for (int i = 0; i < ALLOCATIONS; i++) all += (int64_t)taken[i];
  memset(taken, 0, sizeof taken);
  int rc = change_use(-all);
  cuda_device = -1;
  return rc;
}

int cuCtxSetCurrent(void *context) {
  return context == &cuda_device || !context ? OK : CUDA_INVALID_CONTEXT;
}

int cuMemGetInfo_v2(size_t *free, size_t *total) {
  state_t *s = state();
  if (!s || cuda_device < 0) return CUDA_INVALID_CONTEXT;
  if (s->cuda_rc) return (int)s->cuda_rc;
  device_t *device = &s->device[cuda_device];
  *total = device->total;
  *free = device->total - device->reserved - used_bytes(s, device);
  return OK;
}

int cuMemAlloc_v2(uint64_t *address, size_t size) {
  if (!size) return CUDA_INVALID_VALUE;
  for (int i = 0; i < ALLOCATIONS; i++) {
    if (taken[i]) continue;
    int rc = change_use((int64_t)size);
    if (rc) return rc;
    taken[i] = size;
    *address = (uint64_t)i + 1;
    return OK;
  }
  return CUDA_OUT_OF_MEMORY;
}

int cuMemFree_v2(uint64_t address) {
  if (!address || address > ALLOCATIONS || !taken[address - 1]) return CUDA_INVALID_VALUE;
  int rc = change_use(-(int64_t)taken[address - 1]);
  if (!rc) taken[address - 1] = 0;
  return rc;
}

int cuGetErrorString(int rc, const char **told) {
  *told = rc == CUDA_OUT_OF_MEMORY ? "out of memory" : "made-up error";
  return OK;
}
