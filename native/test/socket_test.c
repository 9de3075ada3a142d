#include "../core/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

static void addresses(void) {
  sd_address address;
  char text[SD_ADDRESS_TEXT_MAX];
  CHECK_EQUAL(sd_address_parse(4, "127.0.0.1", &address), 0);
  CHECK_EQUAL(sd_address_parse(6, "127.0.0.1", &address), -EINVAL);
  CHECK_EQUAL(sd_address_parse(4, "::1", &address), -EINVAL);
  CHECK_EQUAL(sd_address_parse(0, "1.2.3", &address), -EINVAL);
  CHECK_EQUAL(sd_address_parse(0, "", &address), -EINVAL);
  CHECK_EQUAL(sd_address_parse(6, "fe80::1%lo", &address), 0);
  CHECK_EQUAL(address.scope, 1);
  CHECK_EQUAL(sd_address_parse(6, "fe80::1%1", &address), 0);
  CHECK_EQUAL(address.scope, 1);
  CHECK_EQUAL(sd_address_parse(6, "fe80::1%no such interface", &address), -ENODEV);
  CHECK_EQUAL(sd_address_parse(6, "fe80::1%", &address), -ENODEV);
  sd_address_format(&address, text);
  CHECK(strcmp(text, "fe80::1") == 0);
}

static void reservation_is_real(void) {
  sd_address address;
  uint16_t port, other, bound;
  CHECK_EQUAL(sd_address_parse(4, "127.0.0.1", &address), 0);
  int fd = sd_socket_reserve(&address, 0, &bound);
  CHECK(fd >= 0);
  CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK_EQUAL(sd_socket_name(fd, &address, &port), 0);
  CHECK(port != 0);
  CHECK_EQUAL(bound, port);
  CHECK_EQUAL(sd_socket_reserve(&address, port, &bound), -EADDRINUSE);
  /* Nor may one who sets SO_REUSEADDR have it: both would have to. */
  int rival = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  struct sockaddr_storage to;
  socklen_t size = sd_address_to_socket(&address, port, &to);
  CHECK_EQUAL(setsockopt(rival, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
  CHECK(bind(rival, (struct sockaddr *)&to, size) != 0 && errno == EADDRINUSE);
  close(rival);
  close(fd);
  CHECK_EQUAL(sd_address_parse(4, "203.0.113.1", &address), 0);
  CHECK_EQUAL(sd_socket_reserve(&address, 0, &bound), -EADDRNOTAVAIL);
  CHECK_EQUAL(sd_address_parse(6, "::1", &address), 0);
  fd = sd_socket_reserve(&address, 0, &bound);
  CHECK(fd >= 0);
  CHECK_EQUAL(sd_socket_name(fd, &address, &other), 0);
  CHECK_EQUAL(address.family, AF_INET6);
  close(fd);
}

static void cookies_differ(void) {
  uint64_t first, again, second;
  int a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_EQUAL(sd_socket_cookie(a, &first), 0);
  CHECK_EQUAL(sd_socket_cookie(a, &again), 0);
  CHECK_EQUAL(sd_socket_cookie(b, &second), 0);
  CHECK(first == again && first != second);
  close(a);
  close(b);
  CHECK_EQUAL(sd_socket_cookie(a, &first), -EBADF);
}

void test_socket(void) {
  addresses();
  reservation_is_real();
  cookies_differ();
}
