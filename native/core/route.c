#include "route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

typedef struct route_request {
  struct nlmsghdr header;
  struct rtmsg body;
  uint8_t attributes[64];
} route_request;

static void attribute_add(route_request *request, uint16_t type, const void *value, size_t size) {
  struct rtattr attribute = {.rta_len = (uint16_t)RTA_LENGTH(size), .rta_type = type};
  uint8_t *end = request->attributes + (request->header.nlmsg_len - offsetof(route_request, attributes));
  memcpy(end, &attribute, sizeof attribute);
  memcpy(end + RTA_LENGTH(0), value, size);
  request->header.nlmsg_len += RTA_ALIGN((uint32_t)attribute.rta_len);
}

int sd_route_parse(const sd_netlink_message *message, int family, sd_address *source) {
  struct rtmsg found;
  memset(source, 0, sizeof *source);
  if (message->type != RTM_NEWROUTE || message->length < sizeof found) return -EPROTO;
  memcpy(&found, message->payload, sizeof found);
  if (found.rtm_family != family) return -EPROTO;
  size_t length = 0;
  const uint8_t *preferred = sd_netlink_attribute(message, sizeof found, RTA_PREFSRC, &length);
  if (preferred != NULL) {
    if (length != sd_address_size(family)) return -EPROTO;
    source->family = family;
    memcpy(source->bytes, preferred, length);
  }
  return found.rtm_type == RTN_LOCAL ? 1 : 0;
}

int sd_route_find(sd_netlink *netlink, const sd_address *remote, sd_address *source) {
  route_request request;
  size_t size = sd_address_size(remote->family);
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body);
  request.header.nlmsg_type = RTM_GETROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.body.rtm_family = (uint8_t)remote->family;
  request.body.rtm_dst_len = (uint8_t)(size * 8);
  attribute_add(&request, RTA_DST, remote->bytes, size);
  if (remote->scope != 0) attribute_add(&request, RTA_OIF, &remote->scope, sizeof remote->scope);
  _Alignas(8) uint8_t buffer[4096];
  sd_netlink_message answer;
  int error = sd_netlink_ask(netlink, &request.header, buffer, sizeof buffer, &answer);
  if (error != 0) return error;
  int local = sd_route_parse(&answer, remote->family, source);
  if (local == 1 && source->family == 0) *source = *remote; /* IPv6 does not say; a local address is its own source */
  return local;
}
