#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static int scope_parse(const char *text, uint32_t *scope) {
  *scope = if_nametoindex(text);
  if (*scope != 0) return 0;
  char *end;
  errno = 0;
  unsigned long index = strtoul(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || index > INT32_MAX) return -ENODEV;
  *scope = (uint32_t)index;
  return 0;
}

int sd_address_parse(int family, const char *text, sd_address *out) {
  memset(out, 0, sizeof *out);
  if (family != 6 && inet_pton(AF_INET, text, out->bytes) == 1) {
    out->family = AF_INET;
    return 0;
  }
  if (family == 4) return -EINVAL;
  char plain[SD_ADDRESS_TEXT_MAX];
  size_t length = strcspn(text, "%");
  if (length >= sizeof plain) return -EINVAL;
  memcpy(plain, text, length);
  plain[length] = '\0';
  if (inet_pton(AF_INET6, plain, out->bytes) != 1) return -EINVAL;
  out->family = AF_INET6;
  return text[length] == '%' ? scope_parse(text + length + 1, &out->scope) : 0;
}

void sd_address_format(const sd_address *address, char *text) {
  if (inet_ntop(address->family, address->bytes, text, SD_ADDRESS_TEXT_MAX) == NULL) text[0] = '\0';
}

socklen_t sd_address_to_socket(const sd_address *address, uint16_t port, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  if (address->family == AF_INET) {
    struct sockaddr_in *to = (struct sockaddr_in *)out;
    to->sin_family = AF_INET;
    to->sin_port = htons(port);
    memcpy(&to->sin_addr, address->bytes, 4);
    return sizeof *to;
  }
  struct sockaddr_in6 *to = (struct sockaddr_in6 *)out;
  to->sin6_family = AF_INET6;
  to->sin6_port = htons(port);
  to->sin6_scope_id = address->scope;
  memcpy(&to->sin6_addr, address->bytes, 16);
  return sizeof *to;
}

int sd_address_from_socket(const struct sockaddr_storage *from, sd_address *out, uint16_t *port) {
  memset(out, 0, sizeof *out);
  out->family = from->ss_family;
  if (from->ss_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)from;
    memcpy(out->bytes, &in->sin_addr, 4);
    *port = ntohs(in->sin_port);
    return 0;
  }
  if (from->ss_family != AF_INET6) return -EAFNOSUPPORT;
  const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)from;
  memcpy(out->bytes, &in->sin6_addr, 16);
  out->scope = in->sin6_scope_id;
  *port = ntohs(in->sin6_port);
  return 0;
}
