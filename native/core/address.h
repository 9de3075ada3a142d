/* IP addresses as text and as bytes. */
#ifndef SD_ADDRESS_H
#define SD_ADDRESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define SD_ADDRESS_TEXT_MAX 64 /* with a scope id and the final NUL */

typedef struct sd_address {
  int family; /* AF_INET or AF_INET6 */
  uint8_t bytes[16];
  uint32_t scope; /* interface index of a link-local address, else 0 */
} sd_address;

static inline size_t sd_address_size(int family) { return family == AF_INET ? 4 : 16; }

/* family 4 or 6 must be the text's own; 0 takes either. "fe80::1%eth0" and "%2" are understood. 0 or -EINVAL, -ENODEV. */
int sd_address_parse(int family, const char *text, sd_address *out);

/* The text without scope. text has room for SD_ADDRESS_TEXT_MAX. */
void sd_address_format(const sd_address *address, char *text);

/* Fills a socket address; returns its size. */
socklen_t sd_address_to_socket(const sd_address *address, uint16_t port, struct sockaddr_storage *out);

/* 0, or -EAFNOSUPPORT. */
int sd_address_from_socket(const struct sockaddr_storage *from, sd_address *out, uint16_t *port);

#endif
