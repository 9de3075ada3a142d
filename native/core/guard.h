/*
 * Guarded access to memory that may not be there (PD-16): the kernel touches it for us, so a bad address is an error and
 * not a crash. Another thread may unmap it meanwhile; then so much is copied as there was.
 */
#ifndef SD_GUARD_H
#define SD_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All of it or -EFAULT; other negative errnos: the kernel does not allow any way. */
int sd_guard_read(void *to, uint64_t address, size_t bytes);
int sd_guard_write(uint64_t address, const void *from, size_t bytes);

/* The way where process_vm_readv is not permitted, as in old containers: through a pipe. */
int sd_guard_pipe(uint64_t to, uint64_t from, size_t bytes);

#endif
