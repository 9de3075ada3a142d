#include "../core/control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static void pair(int *ends) { CHECK_EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0); }

static void unpair(const int *ends) {
  close(ends[0]);
  close(ends[1]);
}

static void send_descriptors(int fd, const void *bytes, size_t length, unsigned count) {
  char space[CMSG_SPACE(16 * sizeof(int))];
  struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
  memset(space, 0, sizeof space);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof(int));
  for (unsigned i = 0; i < count; i++) memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof fd);
  CHECK_EQUAL(sendmsg(fd, &message, 0), length);
}

static void announcements(void) {
  char prefix[SD_CONTROL_NAME_MAX];
  snprintf(prefix, sizeof prefix, "sockets-direct-test-%d/", (int)getpid());
  uint16_t port = 65535;
  int probe = -1, sockets[SD_CONTROL_ANNOUNCEMENTS];
  CHECK_EQUAL(sd_control_announced(prefix, port, SD_CONTROL_ANNOUNCEMENTS, &probe), 0);
  CHECK(probe >= 0 && (fcntl(probe, F_GETFD) & FD_CLOEXEC) != 0);
  int kept = probe;
  for (int i = 0; i < SD_CONTROL_ANNOUNCEMENTS; i++) {
    sockets[i] = sd_control_announce(prefix, port);
    CHECK(sockets[i] >= 0);
    CHECK_EQUAL(sd_control_announced(prefix, port, SD_CONTROL_ANNOUNCEMENTS, &probe), 1);
  }
  CHECK_EQUAL(sd_control_announce(prefix, port), -EADDRINUSE);
  close(sockets[0]); /* the others are still found, by who looks far enough, and the next takes the free name */
  CHECK_EQUAL(sd_control_announced(prefix, port, 1, &probe), 0);
  CHECK_EQUAL(sd_control_announced(prefix, port, 2, &probe), 1);
  CHECK_EQUAL(sd_control_announced(prefix, port, 1000, &probe), 1);
  CHECK_EQUAL(sd_control_announced(prefix, port, SD_CONTROL_ANNOUNCEMENTS, &probe), 1);
  sockets[0] = sd_control_announce(prefix, port);
  CHECK(sockets[0] >= 0);
  for (int i = 0; i < SD_CONTROL_ANNOUNCEMENTS; i++) close(sockets[i]);
  CHECK_EQUAL(sd_control_announced(prefix, port, SD_CONTROL_ANNOUNCEMENTS, &probe), 0);
  char name[2 * SD_CONTROL_NAME_MAX]; /* a socket of another kind under such a name says nothing, and hides nobody */
  int other = sd_control_listen(name, (size_t)snprintf(name, sizeof name, "%s%u.0", prefix, port), 1);
  CHECK(other >= 0);
  CHECK_EQUAL(sd_control_announced(prefix, port, SD_CONTROL_ANNOUNCEMENTS, &probe), 0);
  sockets[0] = sd_control_announce(prefix, port);
  CHECK(sockets[0] >= 0);
  CHECK_EQUAL(sd_control_announced(prefix, port, SD_CONTROL_ANNOUNCEMENTS, &probe), 1);
  close(sockets[0]);
  close(other);
  CHECK_EQUAL(sd_control_announced("", port, 1, &probe), -EINVAL);
  memset(prefix, 'x', sizeof prefix - 1);
  prefix[sizeof prefix - 1] = 0;
  CHECK_EQUAL(sd_control_announce(prefix, port), -ENAMETOOLONG);
  CHECK_EQUAL(probe, kept);
  close(probe);
}

static void the_first_of_many(void) {
  char prefix[SD_CONTROL_NAME_MAX], name[SD_CONTROL_NAME_MAX];
  snprintf(prefix, sizeof prefix, "sockets-direct-test-%d-many.", (int)getpid());
  unsigned n = 0;
  CHECK_EQUAL(sd_control_connect_first(prefix, &n, 20), -ECONNREFUSED);
  CHECK_EQUAL(n, 20);
  int listeners[2] = {sd_control_listen(name, (size_t)snprintf(name, sizeof name, "%s7", prefix), 2),
                      sd_control_listen(name, (size_t)snprintf(name, sizeof name, "%s12", prefix), 0)};
  CHECK(listeners[0] >= 0 && listeners[1] >= 0);
  n = 0;
  int first = sd_control_connect_first(prefix, &n, 20);
  CHECK(first >= 0 && (fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK_EQUAL(n, 7);
  n = 8;
  CHECK_EQUAL(sd_control_connect_first(prefix, &n, 12), -ECONNREFUSED);
  CHECK_EQUAL(n, 12);
  int full = sd_control_connect_first(prefix, &n, 20);
  CHECK(full >= 0 && n == 12);
  CHECK_EQUAL(sd_control_connect_first(prefix, &n, 20), -EAGAIN); /* its queue is full: the caller hears of that name */
  CHECK_EQUAL(n, 12);
  n = 20;
  CHECK_EQUAL(sd_control_connect_first(prefix, &n, 20), -ECONNREFUSED);
  n = 0;
  CHECK_EQUAL(sd_control_connect_first("", &n, 20), -EINVAL);
  memset(prefix, 'x', sizeof prefix - 1);
  prefix[sizeof prefix - 1] = 0;
  CHECK_EQUAL(sd_control_connect_first(prefix, &n, 20), -ENAMETOOLONG);
  close(first);
  close(full);
  close(listeners[0]);
  close(listeners[1]);
}

static void names(void) {
  char name[SD_CONTROL_NAME_MAX + 2];
  snprintf(name, sizeof name, "sockets-direct-test-%d", (int)getpid());
  int listener = sd_control_listen(name, strlen(name), 2);
  CHECK(listener >= 0);
  CHECK_EQUAL(sd_control_listen(name, strlen(name), 2), -EADDRINUSE);
  CHECK_EQUAL(sd_control_accept(listener), -EAGAIN);
  int connected = sd_control_connect(name, strlen(name));
  CHECK(connected >= 0);
  CHECK((fcntl(connected, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(connected, F_GETFL) & O_NONBLOCK) != 0);
  int accepted = sd_control_accept(listener);
  CHECK(accepted >= 0);
  CHECK((fcntl(accepted, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(accepted, F_GETFL) & O_NONBLOCK) != 0);
  sd_credentials peer;
  CHECK_EQUAL(sd_control_credentials(accepted, &peer), 0);
  CHECK(peer.uid == getuid() && peer.gid == getgid() && peer.pid == getpid());
  CHECK_EQUAL(sd_control_credentials(connected, &peer), 0);
  CHECK_EQUAL(peer.pid, getpid());
  /* A full accept queue is an answer, not a wait. */
  int queued[16], count = 0, result = 0;
  while (count < 16 && (result = sd_control_connect(name, strlen(name))) >= 0) queued[count++] = result;
  CHECK_EQUAL(result, -EAGAIN);
  while (count > 0) close(queued[--count]);
  close(accepted);
  close(connected);
  close(listener);
  CHECK_EQUAL(sd_control_connect(name, strlen(name)), -ECONNREFUSED);
  CHECK_EQUAL(sd_control_connect("", 0), -EINVAL);
  memset(name, 'x', sizeof name);
  CHECK_EQUAL(sd_control_listen(name, SD_CONTROL_NAME_MAX + 1, 1), -ENAMETOOLONG);
  listener = sd_control_listen(name, SD_CONTROL_NAME_MAX, 1);
  CHECK(listener >= 0);
  close(listener);
}

static void packets(void) {
  int ends[2], passed;
  uint8_t bytes[SD_CONTROL_PACKET_MAX], big[SD_CONTROL_PACKET_MAX + 1] = {0};
  pair(ends);
  CHECK_EQUAL(sd_control_receive(ends[1], bytes, sizeof bytes, &passed), -EAGAIN);
  CHECK_EQUAL(sd_control_send(ends[0], "hello", 5, -1), 5);
  CHECK_EQUAL(sd_control_receive(ends[1], bytes, sizeof bytes, &passed), 5);
  CHECK(passed == -1 && memcmp(bytes, "hello", 5) == 0);
  CHECK_EQUAL(sd_control_send(ends[0], "hello", 5, ends[0]), 5);
  CHECK_EQUAL(sd_control_receive(ends[1], bytes, sizeof bytes, &passed), 5);
  CHECK(passed >= 0 && (fcntl(passed, F_GETFD) & FD_CLOEXEC) != 0);
  close(passed);
  CHECK_EQUAL(sd_control_send(ends[0], big, sizeof big, -1), -EMSGSIZE);
  CHECK_EQUAL(sd_control_send(ends[0], big, 0, -1), -EMSGSIZE);
  CHECK_EQUAL(sd_control_send(ends[0], big, 1, 9999), -EBADF);
  CHECK_EQUAL(sd_control_bell(ends[0]), 1);
  CHECK_EQUAL(sd_control_receive(ends[1], bytes, sizeof bytes, &passed), 1);
  CHECK_EQUAL(bytes[0], SD_CONTROL_BELL);
  unpair(ends);
}

static void bad_packets_leave_nothing_behind(void) {
  int ends[2], passed;
  uint8_t bytes[SD_CONTROL_PACKET_MAX], big[SD_CONTROL_PACKET_MAX + 1] = {0};
  pair(ends);
  int before = test_descriptors();
  CHECK_EQUAL(send(ends[0], big, sizeof big, 0), sizeof big);
  CHECK_EQUAL(sd_control_receive(ends[1], bytes, sizeof bytes, &passed), -EPROTO);
  static const unsigned counts[] = {2, 3, 7, 8, 9, 16};
  for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    send_descriptors(ends[0], "x", 1, counts[i]);
    CHECK_EQUAL(sd_control_receive(ends[1], bytes, sizeof bytes, &passed), -EPROTO);
    CHECK_EQUAL(passed, -1);
    CHECK_EQUAL(test_descriptors(), before);
  }
  send_descriptors(ends[0], big, sizeof big, 1);
  CHECK_EQUAL(sd_control_receive(ends[1], bytes, sizeof bytes, &passed), -EPROTO);
  send_descriptors(ends[0], "", 0, 1); /* empty, with a descriptor: the same as the end */
  CHECK_EQUAL(sd_control_receive(ends[1], bytes, sizeof bytes, &passed), 0);
  CHECK_EQUAL(passed, -1);
  CHECK_EQUAL(test_descriptors(), before);
  unpair(ends);
}

/* Flags that a peer changes on a shared description must not make us wait. */
static void blocking_sockets_do_not_block(void) {
  int ends[2], passed;
  uint8_t bytes[8];
  pair(ends); /* blocking */
  CHECK_EQUAL(sd_control_receive(ends[0], bytes, sizeof bytes, &passed), -EAGAIN);
  int sent = 0;
  while (sd_control_bell(ends[0]) == 1) sent++;
  CHECK(sent > 0);
  CHECK_EQUAL(sd_control_send(ends[0], "x", 1, -1), -EAGAIN);
  unpair(ends);
}

static void end_with_packets_unread(void) {
  int ends[2], passed;
  uint8_t bytes[8];
  pair(ends);
  CHECK_EQUAL(sd_control_send(ends[0], "last", 4, -1), 4);
  CHECK_EQUAL(sd_control_send(ends[1], "unread", 6, -1), 6);
  close(ends[0]);
  CHECK_EQUAL(sd_control_receive(ends[1], bytes, sizeof bytes, &passed), -ECONNRESET);
  CHECK_EQUAL(sd_control_receive(ends[1], bytes, sizeof bytes, &passed), 4);
  CHECK_EQUAL(sd_control_receive(ends[1], bytes, sizeof bytes, &passed), 0);
  CHECK_EQUAL(sd_control_send(ends[1], "x", 1, -1), -EPIPE); /* and no SIGPIPE */
  CHECK_EQUAL(sd_control_bell(ends[1]), 0);
  close(ends[1]);
}

void test_control(void) {
  names();
  announcements();
  the_first_of_many();
  packets();
  bad_packets_leave_nothing_behind();
  blocking_sockets_do_not_block();
  end_with_packets_unread();
}
