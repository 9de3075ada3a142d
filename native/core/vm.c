#include "vm.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control.h"

/* Of Linux 6.5, and of 5.3; written out because older headers do not have them. */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define LOCAL_MAX 8
/* In the last page of the address space, which is the kernel's everywhere. */
#define NOBODYS_ADDRESS (UINT64_MAX - 4095)

static int holds_ptrace(bool *holds) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  memset(data, 0, sizeof data);
  if (syscall(SYS_capget, &header, data) != 0) return -errno;
  *holds = (data[CAP_TO_INDEX(CAP_SYS_PTRACE)].effective & CAP_TO_MASK(CAP_SYS_PTRACE)) != 0;
  return 0;
}

/* From the connection where the kernel can do that: then no number has to be right. */
static int open_pidfd(int control, pid_t pid) {
  int pidfd = -1;
  socklen_t size = sizeof pidfd;
  if (getsockopt(control, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) return pidfd;
  if (errno == EMFILE || errno == ENFILE) return -errno;
  pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  return pidfd < 0 ? -errno : pidfd;
}

/*
 * Is it in our PID namespace? /proc must be of that namespace, or numbers mean others there. 0 or a negative errno. A
 * page of a peer's memory may take its time (FUSE, userfaultfd), and our event loop would wait for it: that is no more
 * than a process that can send us SIGSTOP could do anyway, and one of another namespace cannot.
 */
static int same_namespace(pid_t pid) {
  char path[32], ours[64], theirs[64];
  ssize_t length = readlink("/proc/self", ours, sizeof ours - 1);
  if (length < 0) return -errno;
  ours[length] = '\0';
  if (atol(ours) != (long)getpid()) return -EXDEV;
  snprintf(path, sizeof path, "/proc/%ld/ns/pid", (long)pid);
  ssize_t own = readlink("/proc/self/ns/pid", ours, sizeof ours), other = readlink(path, theirs, sizeof theirs);
  if (own < 0 || other < 0) return errno == EACCES ? -EPERM : -errno;
  return own == other && memcmp(ours, theirs, (size_t)own) == 0 ? 0 : -EXDEV;
}

int sd_vm_peer_open(sd_vm_peer *peer, int control) {
  sd_credentials who;
  bool privileged = false;
  *peer = (sd_vm_peer){.pidfd = -1, .control = control, .pid = 0};
  int error = sd_control_credentials(control, &who);
  if (error == 0) error = holds_ptrace(&privileged);
  if (error != 0) return error;
  if (who.pid <= 0) return -ESRCH;
  if (privileged && who.uid != geteuid()) return -EPERM;
  error = same_namespace(who.pid);
  if (error != 0) return error;
  int pidfd = open_pidfd(control, who.pid);
  if (pidfd < 0) return pidfd;
  peer->pidfd = pidfd;
  peer->pid = who.pid;
  /* Alive by now: so the number, too, was still its own when the descriptor was made from it. */
  error = sd_vm_peer_alive(peer);
  if (error != 0) sd_vm_peer_close(peer);
  return error;
}

void sd_vm_peer_close(sd_vm_peer *peer) {
  if (peer->pidfd >= 0) close(peer->pidfd);
  peer->pidfd = -1;
  peer->pid = 0;
}

int sd_vm_peer_alive(const sd_vm_peer *peer) {
  struct pollfd fds[2] = {{.fd = peer->pidfd, .events = POLLIN}, {.fd = peer->control, .events = POLLRDHUP}};
  while (poll(fds, 2, 0) < 0)
    if (errno != EINTR) return -errno;
  if (fds[0].revents != 0) return -ESRCH;
  return fds[1].revents != 0 ? -EPIPE : 0;
}

typedef ssize_t (*transfer)(pid_t, const struct iovec *, unsigned long, const struct iovec *, unsigned long, unsigned long);

/* Drops the first `bytes` of what is left. */
static void advance(struct iovec **ranges, size_t *count, size_t bytes) {
  while (*count > 0 && bytes >= (*ranges)->iov_len) {
    bytes -= (*ranges)->iov_len;
    (*ranges)++;
    (*count)--;
  }
  if (bytes == 0 || *count == 0) return;
  (*ranges)->iov_base = (char *)(*ranges)->iov_base + bytes;
  (*ranges)->iov_len -= bytes;
}

static int64_t run(transfer call, const sd_vm_peer *peer, const struct iovec *local, size_t count, uint64_t remote) {
  struct iovec ranges[LOCAL_MAX], *left = ranges;
  uint64_t total = 0, done = 0;
  if (peer->pid <= 0) return -ESRCH;
  if (count > LOCAL_MAX) return -EINVAL;
  for (size_t i = 0; i < count; i++) {
    ranges[i] = local[i];
    if (__builtin_add_overflow(total, (uint64_t)local[i].iov_len, &total)) return -EINVAL;
  }
  if (total > INT64_MAX || remote > UINT64_MAX - total) return -EFAULT;
  advance(&left, &count, 0);
  while (done < total) {
    struct iovec there = {.iov_base = (void *)(uintptr_t)(remote + done), .iov_len = (size_t)(total - done)};
    ssize_t now = call(peer->pid, left, count, &there, 1, 0);
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) return -errno;
    if (now == 0) return -EFAULT;
    /* A short count means that the page after it is not there, or that a signal came: the next call tells. */
    done += (uint64_t)now;
    advance(&left, &count, (size_t)now);
  }
  return (int64_t)done;
}

int64_t sd_vm_read(const sd_vm_peer *peer, const struct iovec *local, size_t count, uint64_t remote) {
  return run(process_vm_readv, peer, local, count, remote);
}

int64_t sd_vm_write(const sd_vm_peer *peer, const struct iovec *local, size_t count, uint64_t remote) {
  return run(process_vm_writev, peer, local, count, remote);
}

int sd_vm_may_write(const sd_vm_peer *peer) {
  char nothing = 0;
  struct iovec local = {.iov_base = &nothing, .iov_len = 1};
  int64_t result = sd_vm_write(peer, &local, 1, NOBODYS_ADDRESS);
  return result == -EFAULT ? 0 : result < 0 ? (int)result : -EFAULT;
}
