#include "secure_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Values of the kernel's interface that older headers do not name. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1 << 12)
#endif

#define NEEDED (UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_REMAP)

/* UFFD_FEATURE_EVENT_FORK is not asked for: it needs a capability, and a child shall have no part in this. */
static int handshake(int fd, uint64_t features) {
  struct uffdio_api api = {.api = UFFD_API, .features = features};
  return ioctl(fd, UFFDIO_API, &api) == 0 ? 0 : -errno;
}

static int open_with(uint64_t features) {
  /* User mode only is what an unprivileged process may have (Linux 5.11); no page is protected, so no fault is missed. */
  int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
  if (fd < 0 && errno == EINVAL) fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -errno;
  int error = handshake(fd, features);
  if (error == 0) return fd;
  close(fd);
  return error == -EINVAL ? -ENOTSUP : error;
}

int sd_secure_kernel_open(void) {
  int fd = open_with(NEEDED | UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
  /* Linux before 5.19 can secure private memory only; registering shared memory fails there. */
  return fd == -ENOTSUP ? open_with(NEEDED) : fd;
}

int sd_secure_kernel_register(int fd, uintptr_t start, size_t bytes) {
  struct uffdio_register request = {.range = {start, bytes}, .mode = UFFDIO_REGISTER_MODE_WP};
  return ioctl(fd, UFFDIO_REGISTER, &request) == 0 ? 0 : -errno;
}

void sd_secure_kernel_unregister(int fd, uintptr_t start, size_t bytes) {
  struct uffdio_range range = {start, bytes};
  /* Fails where nothing is mapped any more, and then there is nothing to end. */
  (void)!ioctl(fd, UFFDIO_UNREGISTER, &range);
}

int sd_secure_kernel_ask(int fd, uintptr_t page, size_t bytes) {
  struct uffdio_writeprotect nothing = {.range = {page, bytes}, .mode = 0};
  return ioctl(fd, UFFDIO_WRITEPROTECT, &nothing) == 0 ? 0 : -errno;
}
