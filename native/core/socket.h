/* Small questions about, and one reservation of, TCP sockets (DESIGN D4, D12). */
#ifndef SD_SOCKET_H
#define SD_SOCKET_H

#include "address.h"

/* The kernel's own name of a socket, never used twice (SO_COOKIE). 0 or a negative errno. */
int sd_socket_cookie(int fd, uint64_t *cookie);

/* A TCP socket bound without SO_REUSEADDR, so that nobody else can have the port (D12): fd or a negative errno. *bound = the port. */
int sd_socket_reserve(const sd_address *address, uint16_t port, uint16_t *bound);

/* What it is bound to. 0 or a negative errno. */
int sd_socket_name(int fd, sd_address *address, uint16_t *port);

#endif
