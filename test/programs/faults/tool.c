/*
 * What the fault tests need and Node cannot do. Descriptors are inherited; 3 is the first.
 *   memfd BYTES SEALS COMMAND…    runs a command with a memfd of so many bytes and these F_SEAL_… as descriptor 3
 *   deny WHAT ERRNO COMMAND…      runs a command for which the kernel answers WHAT with ERRNO (seccomp)
 *                                 WHAT: sock-diag, route, memfd, map-shared, socket-unix, vm-read, vm-write, userfaultfd
 *   without-ptrace COMMAND…       runs a command that can never have CAP_SYS_PTRACE
 *   send FD COUNT SIZE PASSED     sends packets of SIZE bytes 'B', each with PASSED descriptors
 *   spoil FD BYTES                tries everything on a descriptor of shared memory that its seals and flags may allow
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what) {
  perror(what);
  return 70;
}

static int run_with_memfd(char **arguments) {
  int fd = (int)syscall(SYS_memfd_create, "hostile", MFD_ALLOW_SEALING);
  if (fd < 0 || ftruncate(fd, atoll(arguments[0])) != 0) return fail("memfd");
  if (atoi(arguments[1]) != 0 && fcntl(fd, F_ADD_SEALS, atoi(arguments[1])) != 0) return fail("seal");
  if (fd != 3 && dup2(fd, 3) != 3) return fail("dup2");
  execvp(arguments[2], arguments + 2);
  return fail(arguments[2]);
}

/* One system call, and up to two of its arguments that must have these values (-1: any). */
typedef struct rule {
  const char *name;
  int call;
  int index[2];
  long value[2];
} rule;

static const rule rules[] = {
    {"sock-diag", SYS_socket, {0, 2}, {AF_NETLINK, NETLINK_SOCK_DIAG}},
    {"route", SYS_socket, {0, 2}, {AF_NETLINK, NETLINK_ROUTE}},
    {"memfd", SYS_memfd_create, {0, 0}, {-1, -1}},
    {"map-shared", SYS_mmap, {2, 3}, {PROT_READ | PROT_WRITE, MAP_SHARED}},
    {"vm-read", SYS_process_vm_readv, {0, 0}, {-1, -1}},
    {"vm-write", SYS_process_vm_writev, {0, 0}, {-1, -1}},
    {"userfaultfd", SYS_userfaultfd, {0, 0}, {-1, -1}},
    {"socket-unix", SYS_socket, {0, 1}, {AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC}},
};

static int deny(char **arguments) {
  const rule *found = NULL;
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (strcmp(rules[i].name, arguments[0]) == 0) found = &rules[i];
  if (found == NULL) return 70;
  struct sock_filter code[12];
  unsigned short count = 0;
  unsigned checks = found->value[0] < 0 ? 0 : 2;
  code[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  code[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)found->call, 0, 2 * checks + 1);
  for (unsigned i = 0; i < checks; i++) {
    size_t offset = offsetof(struct seccomp_data, args) + 8 * (size_t)found->index[i]; /* little-endian: the low half */
    code[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset);
    code[count++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)found->value[i], 0, 2 * (checks - i - 1) + 1);
  }
  code[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)atoi(arguments[1]));
  code[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {.len = count, .filter = code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail("no_new_privs");
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return fail("seccomp");
  execvp(arguments[2], arguments + 2);
  return fail(arguments[2]);
}

static int without_ptrace(char **arguments) {
  if (prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0) != 0 && errno != EPERM) return fail("capabilities");
  execvp(arguments[0], arguments);
  return fail(arguments[0]);
}

static int send_packets(char **arguments) {
  static char bytes[1 << 16];
  static union {
    struct cmsghdr align;
    char space[CMSG_SPACE(250 * sizeof(int))];
  } ancillary;
  int fd = atoi(arguments[0]);
  long count = atol(arguments[1]);
  size_t size = (size_t)atol(arguments[2]), passed = (size_t)atol(arguments[3]);
  memset(bytes, 'B', sizeof bytes);
  struct iovec part = {.iov_base = bytes, .iov_len = size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (passed > 0) {
    message.msg_control = ancillary.space;
    message.msg_controllen = CMSG_SPACE(passed * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(passed * sizeof(int));
    int *fds = (int *)CMSG_DATA(header);
    for (size_t i = 0; i < passed; i++) fds[i] = open("/dev/null", O_RDONLY);
  }
  long sent = 0;
  for (long tries = 0; sent < count && tries < count * 20; tries++) {
    if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) sent++;
    else if (errno == EAGAIN) usleep(100);
    else break;
  }
  printf("%ld\n", sent);
  return 0;
}

static void tried(const char *what, int result) { printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done"); }

static int spoil(char **arguments) {
  int fd = atoi(arguments[0]);
  off_t bytes = (off_t)atoll(arguments[1]);
  tried("truncate", ftruncate(fd, 4096));
  tried("grow", ftruncate(fd, bytes * 2));
  tried("seal", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  tried("flags", fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_ASYNC | O_NOATIME));
  tried("lease", fcntl(fd, F_SETLEASE, F_WRLCK));
  tried("mode", fchmod(fd, 0));
  tried("owner", fchown(fd, 65534, 65534));
  tried("seek", lseek(fd, bytes / 2, SEEK_SET) < 0 ? -1 : 0);
  tried("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes));
  return 0;
}

int main(int count, char **arguments) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (count >= 5 && strcmp(arguments[1], "memfd") == 0) return run_with_memfd(arguments + 2);
  if (count >= 5 && strcmp(arguments[1], "deny") == 0) return deny(arguments + 2);
  if (count >= 3 && strcmp(arguments[1], "without-ptrace") == 0) return without_ptrace(arguments + 2);
  if (count == 6 && strcmp(arguments[1], "send") == 0) return send_packets(arguments + 2);
  if (count == 4 && strcmp(arguments[1], "spoil") == 0) return spoil(arguments + 2);
  fprintf(stderr, "see the comment at the start of tool.c\n");
  return 70;
}
