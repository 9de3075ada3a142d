#include "../core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#define BYTES 65536

static int unsealed(unsigned flags, int seals) {
  int fd = memfd_create("test", flags | MFD_ALLOW_SEALING);
  if (fd < 0) return fd;
  CHECK_EQUAL(ftruncate(fd, flags & MFD_HUGETLB ? 2 << 20 : BYTES), 0);
  if (seals != 0) CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, seals), 0);
  return fd;
}

static void own_memory_is_sealed(void) {
  int fd = sd_memory_allocate(BYTES);
  CHECK(fd >= 0);
  CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  int seals = fcntl(fd, F_GET_SEALS);
  CHECK((seals & F_SEAL_SHRINK) != 0 && (seals & F_SEAL_GROW) != 0 && (seals & F_SEAL_SEAL) != 0);
  CHECK(ftruncate(fd, 0) != 0 && errno == EPERM);
  CHECK(ftruncate(fd, 2 * BYTES) != 0 && errno == EPERM);
  CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0 && errno == EPERM);
  void *memory;
  CHECK_EQUAL(sd_memory_map(fd, BYTES, &memory), 0);
  memset(memory, 7, BYTES);
  /* A hole may be punched: the bytes read as zero, nothing faults. */
  CHECK_EQUAL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, BYTES), 0);
  CHECK_EQUAL(((unsigned char *)memory)[BYTES - 1], 0);
  CHECK_EQUAL(sd_memory_unmap(memory, BYTES), 0);
  CHECK_EQUAL(sd_memory_map(fd, BYTES - 1, &memory), -EINVAL);
  CHECK_EQUAL(sd_memory_map(fd, 2 * BYTES, &memory), -EINVAL);
  CHECK_EQUAL(sd_memory_map(fd, 0, &memory), -EINVAL);
  close(fd);
  CHECK_EQUAL(sd_memory_map(fd, BYTES, &memory), -EBADF);
  CHECK_EQUAL(sd_memory_allocate(0), -EINVAL);
  CHECK_EQUAL(sd_memory_allocate(UINT64_MAX), -EINVAL);
}

static void every_seal_is_needed(void) {
  static const int kinds[] = {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL};
  for (unsigned missing = 0; missing < 4; missing++) {
    int seals = 0;
    for (unsigned i = 0; i < 3; i++)
      if (missing != 3 && i != missing) seals |= kinds[i];
    int fd = unsealed(MFD_CLOEXEC, seals);
    CHECK_EQUAL(sd_memory_check(fd, BYTES), -EPERM);
    close(fd);
  }
}

static void others_are_refused(void) {
  void *memory;
  int pipes[2];
  CHECK_EQUAL(pipe2(pipes, O_CLOEXEC), 0);
  CHECK_EQUAL(sd_memory_check(pipes[0], BYTES), -EINVAL);
  close(pipes[0]);
  close(pipes[1]);
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  CHECK_EQUAL(sd_memory_check(file, BYTES), -EINVAL);
  close(file);
  CHECK_EQUAL(sd_memory_check(-1, BYTES), -EBADF);
  int frozen = unsealed(MFD_CLOEXEC, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
  CHECK_EQUAL(sd_memory_map(frozen, BYTES, &memory), -EPERM);
  close(frozen);
  int fd = sd_memory_allocate(BYTES);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int read_only = open(path, O_RDONLY | O_CLOEXEC);
  CHECK(read_only >= 0);
  CHECK_EQUAL(sd_memory_map(read_only, BYTES, &memory), -EACCES);
  close(read_only);
  close(fd);
}

static void huge_pages_are_refused(void) {
  int fd = unsealed(MFD_CLOEXEC | MFD_HUGETLB, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  if (fd < 0) {
    printf("skip huge pages: %s\n", strerror(errno));
    return;
  }
  CHECK_EQUAL(sd_memory_check(fd, 2 << 20), -EMEDIUMTYPE);
  close(fd);
}

static long locked_kilobytes(void) {
  char line[256];
  long found = -1;
  FILE *status = fopen("/proc/self/status", "r");
  while (status != NULL && fgets(line, sizeof line, status) != NULL)
    if (sscanf(line, "VmLck: %ld", &found) == 1) break;
  fclose(status);
  return found;
}

static void pages_are_locked_within_half_the_limit(void) {
  struct rlimit before, now;
  void *memory;
  CHECK_EQUAL(getrlimit(RLIMIT_MEMLOCK, &before), 0);
  if (before.rlim_max < 4 * BYTES) {
    printf("skip locking: the limit is too low\n");
    return;
  }
  int fd = sd_memory_allocate(BYTES);
  CHECK_EQUAL(sd_memory_map(fd, BYTES, &memory), 0);
  close(fd);
  now = before;
  now.rlim_cur = 4 * BYTES;
  CHECK_EQUAL(setrlimit(RLIMIT_MEMLOCK, &now), 0);
  long locked = locked_kilobytes();
  CHECK_EQUAL(sd_memory_lock(memory, BYTES, BYTES + 1), -ENOMEM);
  CHECK_EQUAL(locked_kilobytes(), locked);
  CHECK_EQUAL(sd_memory_lock(memory, BYTES, BYTES), 0);
  CHECK_EQUAL(locked_kilobytes(), locked + BYTES / 1024);
  CHECK_EQUAL(sd_memory_unmap(memory, BYTES), 0);
  CHECK_EQUAL(locked_kilobytes(), locked);
  now.rlim_cur = 0;
  CHECK_EQUAL(setrlimit(RLIMIT_MEMLOCK, &now), 0);
  CHECK_EQUAL(sd_memory_lock(memory, BYTES, 0), -EPERM);
  CHECK_EQUAL(setrlimit(RLIMIT_MEMLOCK, &before), 0);
}

void test_memory(void) {
  pages_are_locked_within_half_the_limit();
  own_memory_is_sealed();
  every_seal_is_needed();
  others_are_refused();
  huge_pages_are_refused();
}
