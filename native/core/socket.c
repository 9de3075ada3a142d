#include "socket.h"

#include <errno.h>
#include <unistd.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

int sd_socket_cookie(int fd, uint64_t *cookie) {
  socklen_t size = sizeof *cookie;
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &size) != 0) return -errno;
  return size == sizeof *cookie ? 0 : -EPROTO;
}

int sd_socket_reserve(const sd_address *address, uint16_t port, uint16_t *bound) {
  struct sockaddr_storage to;
  socklen_t size = sd_address_to_socket(address, port, &to);
  int fd = socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int error = bind(fd, (struct sockaddr *)&to, size) == 0 ? 0 : -errno;
  sd_address ignored;
  *bound = port;
  if (error == 0 && port == 0) error = sd_socket_name(fd, &ignored, bound);
  if (error == 0) return fd;
  close(fd);
  return error;
}

int sd_socket_name(int fd, sd_address *address, uint16_t *port) {
  struct sockaddr_storage from;
  socklen_t size = sizeof from;
  if (getsockname(fd, (struct sockaddr *)&from, &size) != 0) return -errno;
  return sd_address_from_socket(&from, address, port);
}
