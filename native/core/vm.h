/*
 * Another process's memory, by process_vm_readv and process_vm_writev (DESIGN D5, D7). They take a process id; that it
 * still is the process at the other end of the link, the caller asks before and after each transfer (sd_vm_peer_alive).
 *
 * The kernel permits what it would permit to a debugger: processes of the same user that did not forbid it, unless a
 * security module (Yama), a PID namespace or a container's filter says no. Nothing here asks for more than that.
 */
#ifndef SD_VM_H
#define SD_VM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct sd_vm_peer {
  int pidfd;   /* -1: not open */
  int control; /* the link's control connection; not closed here */
  pid_t pid;
} sd_vm_peer;

/*
 * The process that the kernel names for a control connection. 0, or a negative errno: -ESRCH it has no number here or
 * is gone, -EXDEV it is in another PID namespace, -EPERM not permitted, or we may trace anything (CAP_SYS_PTRACE) and it
 * is another user's, -ENOSYS no pidfds.
 */
int sd_vm_peer_open(sd_vm_peer *peer, int control);
void sd_vm_peer_close(sd_vm_peer *peer);

/* 0 while that very process lives and holds its end of the control connection; else -ESRCH, -EPIPE. Not open: the latter. */
int sd_vm_peer_alive(const sd_vm_peer *peer);

/*
 * Copies all of the local ranges from or to one remote range of as many bytes. The bytes copied, or a negative errno:
 * -EFAULT a page is not there or not so permitted (part may have been copied), -ESRCH, -EPERM, -ENOSYS refused.
 */
int64_t sd_vm_read(const sd_vm_peer *peer, const struct iovec *local, size_t count, uint64_t remote);
int64_t sd_vm_write(const sd_vm_peer *peer, const struct iovec *local, size_t count, uint64_t remote);

/* Would writing be permitted? 0 or a negative errno. Nothing is written: it aims at an address that no process has. */
int sd_vm_may_write(const sd_vm_peer *peer);

#endif
