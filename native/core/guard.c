#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

/* What a pipe takes at once, even when the user has so many that the kernel gives out one page to each. */
#define PIPE_CHUNK 4096

static void *pointer(uint64_t address) { return (void *)(uintptr_t)address; }

static bool is_refused(int error) { return error == EPERM || error == ENOSYS || error == EACCES; }

int sd_guard_pipe(uint64_t to, uint64_t from, size_t bytes) {
  int ends[2], error = 0;
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -errno;
  while (bytes > 0 && error == 0) {
    ssize_t written = write(ends[1], pointer(from), bytes < PIPE_CHUNK ? bytes : PIPE_CHUNK);
    if (written <= 0) {
      error = written == 0 ? -EFAULT : -errno;
      break;
    }
    for (ssize_t taken = 0; taken < written && error == 0;) {
      ssize_t part = read(ends[0], pointer(to), (size_t)(written - taken));
      if (part <= 0) {
        error = part == 0 ? -EFAULT : -errno;
      } else {
        taken += part;
        to += (uint64_t)part;
      }
    }
    from += (uint64_t)written;
    bytes -= (size_t)written;
  }
  close(ends[0]);
  close(ends[1]);
  return error;
}

int sd_guard_read(void *to, uint64_t address, size_t bytes) {
  struct iovec here = {to, bytes}, there = {pointer(address), bytes};
  if (bytes == 0) return 0;
  ssize_t copied = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
  if (copied < 0 && is_refused(errno)) return sd_guard_pipe((uint64_t)(uintptr_t)to, address, bytes);
  if (copied < 0) return -errno;
  return (size_t)copied == bytes ? 0 : -EFAULT;
}

int sd_guard_write(uint64_t address, const void *from, size_t bytes) {
  struct iovec here = {(void *)(uintptr_t)from, bytes}, there = {pointer(address), bytes};
  if (bytes == 0) return 0;
  ssize_t copied = process_vm_writev(getpid(), &here, 1, &there, 1, 0);
  if (copied < 0 && is_refused(errno)) return sd_guard_pipe(address, (uint64_t)(uintptr_t)from, bytes);
  if (copied < 0) return -errno;
  return (size_t)copied == bytes ? 0 : -EFAULT;
}
