#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Values of the kernel's interface, written out because older C libraries do not name them. */
#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 0x0001U
#define MFD_ALLOW_SEALING 0x0002U
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#define F_SEAL_SEAL 0x0001
#define F_SEAL_SHRINK 0x0002
#define F_SEAL_GROW 0x0004
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1U
#endif
#ifndef SYS_mlock2
#define SYS_mlock2 (-1) /* no such call */
#endif
#define HUGETLBFS_MAGIC_NUMBER 0x958458f6UL

/* glibc's own limit is 32 MiB with the block's header. */
#define KEEP_FREED ((size_t)32 * 1024 * 1024 - 64 * 1024)

static const int wanted_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

/* By number: the wrapper is younger than the oldest C library that prebuilt binaries should load on. */
static int memfd(unsigned flags) { return (int)syscall(SYS_memfd_create, "sockets-direct", flags); }

int sd_memory_allocate(uint64_t bytes) {
  if (bytes == 0 || bytes > SD_MEMORY_MAX) return -EINVAL;
  int fd = memfd(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL) fd = memfd(MFD_CLOEXEC | MFD_ALLOW_SEALING); /* Linux before 6.3 */
  if (fd < 0) return -errno;
  int error = 0;
  if (ftruncate(fd, (off_t)bytes) != 0 || fcntl(fd, F_ADD_SEALS, wanted_seals) != 0) error = -errno;
  if (error == 0) return fd;
  close(fd);
  return error;
}

int sd_memory_check(int fd, uint64_t bytes) {
  if (bytes == 0 || bytes > SD_MEMORY_MAX) return -EINVAL;
  int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0) return -errno; /* EINVAL: not a memfd */
  if ((seals & wanted_seals) != wanted_seals) return -EPERM;
  struct statfs filesystem;
  if (fstatfs(fd, &filesystem) != 0) return -errno;
  if ((unsigned long)filesystem.f_type == HUGETLBFS_MAGIC_NUMBER) return -EMEDIUMTYPE;
  /* The size is final now that the seals are known to be there. lseek, because fstat is a newer symbol in glibc. */
  off_t size = lseek(fd, 0, SEEK_END);
  if (size < 0) return -errno;
  return (uint64_t)size == bytes ? 0 : -EINVAL;
}

int sd_memory_map(int fd, uint64_t bytes, void **memory) {
  int error = sd_memory_check(fd, bytes);
  if (error != 0) return error;
  void *address = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) return -errno;
  *memory = address;
  return 0;
}

int sd_memory_unmap(void *memory, uint64_t bytes) { return munmap(memory, (size_t)bytes) == 0 ? 0 : -errno; }

int sd_memory_lock(void *memory, uint64_t bytes, uint64_t locked) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return -errno;
  if (limit.rlim_cur == 0) return -EPERM;
  if (limit.rlim_cur != RLIM_INFINITY && locked + bytes > limit.rlim_cur / 2) return -ENOMEM;
  return syscall(SYS_mlock2, memory, (size_t)bytes, MLOCK_ONFAULT) == 0 ? 0 : -errno;
}

void sd_memory_keep_freed(void) {
#ifdef __GLIBC__
  /*
   * glibc learns: when a block that it had mapped is freed, blocks of that size come from the heap from then on, and the
   * heap's end is given back only beyond twice that size. Let it learn from a block as large as it believes, whose
   * pages are never touched. mallopt() would do as well, but end the learning.
   */
  void *volatile block = malloc(KEEP_FREED);
  free(block);
#endif
}
