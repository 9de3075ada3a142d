/* Against real listeners: the answer must be the socket that then accepts. */
#include "../core/diag.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "../core/route.h"
#include "../core/socket.h"
#include "test.h"

static sd_address parse(const char *text) {
  sd_address address;
  CHECK_EQUAL(sd_address_parse(0, text, &address), 0);
  return address;
}

enum { REUSEPORT = 1, V6ONLY = 2 };

static int listener(const char *text, uint16_t *port, int options) {
  sd_address address = parse(text);
  struct sockaddr_storage to;
  socklen_t size = sd_address_to_socket(&address, *port, &to);
  int one = 1, only = (options & V6ONLY) != 0;
  int fd = socket(address.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  CHECK(fd >= 0);
  CHECK_EQUAL(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
  if (options & REUSEPORT) CHECK_EQUAL(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one), 0);
  if (address.family == AF_INET6) CHECK_EQUAL(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only), 0);
  CHECK_EQUAL(bind(fd, (struct sockaddr *)&to, size), 0);
  CHECK_EQUAL(listen(fd, 16), 0);
  CHECK_EQUAL(sd_socket_name(fd, &address, port), 0);
  return fd;
}

/* Asks from a reserved port, then really connects from it. */
static void agrees(sd_netlink *netlink, const char *from, const char *to, uint16_t port, const int *candidates, int count) {
  sd_address local = parse(from), remote = parse(to);
  struct sockaddr_storage target;
  socklen_t size = sd_address_to_socket(&remote, port, &target);
  uint16_t bound;
  int fd = sd_socket_reserve(&local, 0, &bound);
  CHECK(fd >= 0);
  uint16_t local_port;
  CHECK_EQUAL(sd_socket_name(fd, &local, &local_port), 0);
  sd_diag_answer answer;
  CHECK_EQUAL(sd_diag_find(netlink, &remote, port, &local, local_port, &answer), 0);
  CHECK_EQUAL(answer.uid, getuid());
  CHECK(connect(fd, (struct sockaddr *)&target, size) == 0 || errno == EINPROGRESS);
  struct pollfd ready[8];
  for (int i = 0; i < count; i++) ready[i] = (struct pollfd){.fd = candidates[i], .events = POLLIN};
  CHECK_EQUAL(poll(ready, (nfds_t)count, 2000), 1);
  for (int i = 0; i < count; i++) {
    if (ready[i].revents == 0) continue;
    uint64_t cookie;
    CHECK_EQUAL(sd_socket_cookie(candidates[i], &cookie), 0);
    CHECK(cookie == answer.cookie);
    int accepted = accept(candidates[i], NULL, NULL);
    CHECK(accepted >= 0);
    /* With the connection there, the 4-tuple names it, which is not a listener. */
    CHECK_EQUAL(sd_diag_find(netlink, &remote, port, &local, local_port, &answer), -ENOENT);
    /* Reset, not closed: a TIME_WAIT would be found instead of the listener if the client's port came up again. */
    struct linger reset = {.l_onoff = 1};
    CHECK_EQUAL(setsockopt(accepted, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(accepted);
  }
  close(fd);
}

static void single(sd_netlink *netlink, const char *bound, int options, const char *from, const char *to) {
  uint16_t port = 0;
  int fd = listener(bound, &port, options);
  agrees(netlink, from, to, port, &fd, 1);
  close(fd);
}

static void wildcard_and_specific(sd_netlink *netlink) {
  uint16_t port = 0;
  int both[2];
  both[0] = listener("0.0.0.0", &port, REUSEPORT);
  both[1] = listener("127.0.0.1", &port, REUSEPORT);
  agrees(netlink, "127.0.0.1", "127.0.0.1", port, both, 2);
  agrees(netlink, "127.0.0.1", "127.0.0.2", port, both, 2);
  close(both[0]);
  close(both[1]);
}

static void reuseport_group(sd_netlink *netlink) {
  uint16_t port = 0;
  int group[4];
  for (int i = 0; i < 4; i++) group[i] = listener("127.0.0.1", &port, REUSEPORT);
  for (int i = 0; i < 40; i++) agrees(netlink, "127.0.0.1", "127.0.0.1", port, group, 4);
  for (int i = 0; i < 4; i++) close(group[i]);
}

static void nobody(sd_netlink *netlink) {
  sd_address v4 = parse("127.0.0.1"), v6 = parse("::1");
  sd_diag_answer answer;
  uint16_t bound;
  int fd = sd_socket_reserve(&v4, 0, &bound); /* bound, not listening */
  uint16_t port;
  CHECK_EQUAL(sd_socket_name(fd, &v4, &port), 0);
  CHECK_EQUAL(sd_diag_find(netlink, &v4, port, &v4, 12345, &answer), -ENOENT);
  close(fd);
  CHECK_EQUAL(sd_diag_find(netlink, &v4, port, &v6, 12345, &answer), -EINVAL);
}

static void routes(sd_netlink *netlink) {
  sd_address source, v4 = parse("127.0.0.1"), v6 = parse("::1");
  CHECK_EQUAL(sd_route_find(netlink, &v4, &source), 1);
  CHECK(source.family == AF_INET && memcmp(source.bytes, v4.bytes, 4) == 0);
  CHECK_EQUAL(sd_route_find(netlink, &v6, &source), 1);
  CHECK(source.family == AF_INET6 && memcmp(source.bytes, v6.bytes, 16) == 0);
  sd_address far = parse("203.0.113.1"); /* documentation range: somewhere else, or nowhere */
  CHECK(sd_route_find(netlink, &far, &source) != 1);
}

void test_diag(void) {
  sd_netlink diag, route;
  sd_netlink_init(&diag, NETLINK_SOCK_DIAG);
  sd_netlink_init(&route, NETLINK_ROUTE);
  single(&diag, "127.0.0.1", 0, "127.0.0.1", "127.0.0.1");
  single(&diag, "0.0.0.0", 0, "127.0.0.1", "127.0.0.1");
  single(&diag, "::1", 0, "::1", "::1");
  single(&diag, "::", V6ONLY, "::1", "::1");
  single(&diag, "::", 0, "127.0.0.1", "127.0.0.1");
  single(&diag, "::", 0, "::ffff:127.0.0.1", "::ffff:127.0.0.1");
  wildcard_and_specific(&diag);
  reuseport_group(&diag);
  nobody(&diag);
  routes(&route);
  sd_netlink_close(&diag);
  sd_netlink_close(&route);
}
