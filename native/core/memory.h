/* Shared memory: anonymous, sealed against resizing, checked before it is mapped (DESIGN D5, PD-11, PD-12). */
#ifndef SD_MEMORY_H
#define SD_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define SD_MEMORY_MAX ((uint64_t)1 << 32)

/* A new memfd of exactly `bytes` zero bytes, CLOEXEC, sealed SHRINK|GROW|SEAL: its descriptor, or a negative errno. */
int sd_memory_allocate(uint64_t bytes);

/*
 * May this descriptor, from anybody, be mapped as `bytes` bytes? 0, or -EBADF, -EINVAL not a memfd or another size,
 * -EPERM the seals are missing, so that its owner could truncate it under us (SIGBUS), -EMEDIUMTYPE huge pages,
 * which can fault with SIGBUS although the size is right.
 */
int sd_memory_check(int fd, uint64_t bytes);

/* Checks, then maps read-write and shared. */
int sd_memory_map(int fd, uint64_t bytes, void **memory);

int sd_memory_unmap(void *memory, uint64_t bytes);

/*
 * Keeps the pages of mapped memory from being swapped out, each from when it is first touched. 0, or a negative errno:
 * -ENOMEM with `locked`, what is locked already, it would take more than half of what this process may lock
 * (RLIMIT_MEMLOCK; the other half is the program's), -EPERM it may lock nothing, -ENOSYS before Linux 4.4.
 */
int sd_memory_lock(void *memory, uint64_t bytes, uint64_t locked);

/*
 * Has the allocator keep freed memory up to about 64 MiB for the next allocation instead of giving it back to the kernel
 * at once. Received data live in buffers that the collector frees many at a time, and each page that comes back from
 * the kernel costs a fault and its zeroing: half of the throughput of large transfers. No effect but with glibc.
 */
void sd_memory_keep_freed(void);

#endif
