#include "control.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == SD_CONTROL_NAME_MAX + 1, "abstract names start with NUL");

/* Room for more descriptors than we accept, so that surplus ones are seen and closed, not merely cut off. */
#define PASSED_MAX 8

static int abstract_address(const char *name, size_t length, struct sockaddr_un *address, socklen_t *size) {
  if (length == 0) return -EINVAL;
  if (length > SD_CONTROL_NAME_MAX) return -ENAMETOOLONG;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path + 1, name, length);
  *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
  return 0;
}

static int seqpacket(void) {
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd < 0 ? -errno : fd;
}

static int closed_with(int fd, int error) {
  close(fd);
  return -error;
}

int sd_control_listen(const char *name, size_t name_length, int backlog) {
  struct sockaddr_un address;
  socklen_t size;
  int error = abstract_address(name, name_length, &address, &size);
  if (error != 0) return error;
  int fd = seqpacket();
  if (fd < 0) return fd;
  if (bind(fd, (struct sockaddr *)&address, size) != 0) return closed_with(fd, errno);
  if (listen(fd, backlog) != 0) return closed_with(fd, errno);
  return fd;
}

static size_t put_number(char *at, unsigned number) {
  char digits[10];
  size_t count = 0;
  do digits[count++] = (char)('0' + number % 10);
  while ((number /= 10) != 0);
  for (size_t i = 0; i < count; i++) at[i] = digits[count - 1 - i];
  return count;
}

/* "<prefix><port>.<n>" as a name. */
static int announced_name(const char *prefix, uint16_t port, unsigned n, struct sockaddr_un *address, socklen_t *size) {
  char name[SD_CONTROL_NAME_MAX];
  size_t length = strlen(prefix);
  if (length == 0) return -EINVAL;
  if (length + sizeof "65535.15" > sizeof name) return -ENAMETOOLONG;
  memcpy(name, prefix, length);
  length += put_number(name + length, port);
  name[length++] = '.';
  length += put_number(name + length, n);
  return abstract_address(name, length, address, size);
}

static int datagram(void) {
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd < 0 ? -errno : fd;
}

int sd_control_announce(const char *prefix, uint16_t port) {
  int fd = datagram();
  if (fd < 0) return fd;
  int error = -EADDRINUSE;
  for (unsigned n = 0; n < SD_CONTROL_ANNOUNCEMENTS && error == -EADDRINUSE; n++) {
    struct sockaddr_un address;
    socklen_t size;
    error = announced_name(prefix, port, n, &address, &size);
    if (error == 0 && bind(fd, (struct sockaddr *)&address, size) != 0) error = -errno;
  }
  return error == 0 ? fd : closed_with(fd, -error);
}

int sd_control_announced(const char *prefix, uint16_t port, unsigned names, int *probe) {
  if (*probe < 0) {
    int fd = datagram();
    if (fd < 0) return fd;
    *probe = fd;
  }
  for (unsigned n = 0; n < names && n < SD_CONTROL_ANNOUNCEMENTS; n++) {
    struct sockaddr_un address;
    socklen_t size;
    int error = announced_name(prefix, port, n, &address, &size);
    if (error != 0) return error;
    /* A datagram socket may be connected again and again, and whom it is connected to does not hear of it. */
    if (connect(*probe, (struct sockaddr *)&address, size) == 0) return 1;
    if (errno != ECONNREFUSED) return -errno; /* abstract names are looked up by kind: another kind's cannot be in the way */
  }
  return 0;
}

int sd_control_connect(const char *name, size_t name_length) {
  struct sockaddr_un address;
  socklen_t size;
  int error = abstract_address(name, name_length, &address, &size);
  if (error != 0) return error;
  int fd = seqpacket();
  if (fd < 0) return fd;
  int result;
  do result = connect(fd, (struct sockaddr *)&address, size);
  while (result != 0 && errno == EINTR);
  return result == 0 ? fd : closed_with(fd, errno);
}

int sd_control_connect_first(const char *prefix, unsigned *n, unsigned end) {
  char name[SD_CONTROL_NAME_MAX];
  size_t length = strlen(prefix);
  if (length == 0) return -EINVAL;
  if (length + sizeof "4294967295" > sizeof name) return -ENAMETOOLONG;
  memcpy(name, prefix, length);
  if (*n >= end) return -ECONNREFUSED;
  int fd = seqpacket();
  if (fd < 0) return fd;
  for (; *n < end; ++*n) {
    struct sockaddr_un address;
    socklen_t size;
    int error = abstract_address(name, length + put_number(name + length, *n), &address, &size);
    if (error != 0) return closed_with(fd, -error);
    int result;
    do result = connect(fd, (struct sockaddr *)&address, size);
    while (result != 0 && errno == EINTR);
    if (result == 0) return fd;
    if (errno != ECONNREFUSED) return closed_with(fd, errno); /* a socket that was refused may try again */
  }
  return closed_with(fd, ECONNREFUSED);
}

int sd_control_accept(int fd) {
  int accepted;
  do accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED));
  return accepted < 0 ? -errno : accepted;
}

int sd_control_credentials(int fd, sd_credentials *out) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -errno;
  if (size != sizeof peer) return -EPROTO;
  out->uid = peer.uid;
  out->gid = peer.gid;
  out->pid = peer.pid;
  return 0;
}

int sd_control_send(int fd, const void *bytes, size_t length, int passed) {
  if (length == 0 || length > SD_CONTROL_PACKET_MAX) return -EMSGSIZE;
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int))];
  } ancillary;
  struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (passed >= 0) {
    memset(&ancillary, 0, sizeof ancillary);
    message.msg_control = ancillary.space;
    message.msg_controllen = sizeof ancillary.space;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &passed, sizeof passed);
  }
  ssize_t sent;
  do sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : (int)sent;
}

/* Collects every descriptor that the kernel installed for this packet: the first one is kept, surplus is counted and closed. */
static unsigned collect_passed(struct msghdr *message, int *first) {
  unsigned count = 0;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t held = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < held; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      if (count++ == 0) *first = fd;
      else close(fd);
    }
  }
  return count;
}

int sd_control_receive(int fd, void *bytes, size_t capacity, int *passed) {
  union {
    struct cmsghdr align;
    char space[CMSG_SPACE(PASSED_MAX * sizeof(int))];
  } ancillary;
  struct iovec part = {.iov_base = bytes, .iov_len = capacity};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.space, .msg_controllen = sizeof ancillary.space};
  *passed = -1;
  ssize_t received;
  do received = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (received < 0 && errno == EINTR);
  if (received < 0) return -errno;
  unsigned count = collect_passed(&message, passed);
  bool bad = count > 1 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  if (!bad && (received > 0 || count == 0)) return (int)received;
  if (*passed >= 0) close(*passed);
  *passed = -1;
  return bad ? -EPROTO : 0;
}

int sd_control_bell(int fd) {
  static const unsigned char bell = SD_CONTROL_BELL;
  ssize_t sent;
  do sent = send(fd, &bell, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == 1;
}
