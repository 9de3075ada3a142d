#include "addresses.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define DATAGRAMS_PER_READ 16
#define DATAGRAM_MAX 32768

void sd_addresses_init(sd_addresses *addresses) {
  memset(addresses, 0, sizeof *addresses);
  sd_netlink_init(&addresses->netlink, NETLINK_ROUTE);
}

/* Marks all as unseen and asks for the list; what is unseen at its end is gone. */
static int replay(sd_addresses *addresses) {
  struct {
    struct nlmsghdr header;
    struct ifaddrmsg body;
  } request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body);
  request.header.nlmsg_type = RTM_GETADDR;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.ifa_family = AF_UNSPEC;
  for (size_t i = 0; i < addresses->count; i++) addresses->entries[i].seen = false;
  addresses->replaying = true;
  addresses->stale = false;
  return sd_netlink_send(&addresses->netlink, &request.header);
}

int sd_addresses_open(sd_addresses *addresses) {
  int error = sd_netlink_open(&addresses->netlink, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
  return error != 0 ? error : replay(addresses);
}

void sd_addresses_close(sd_addresses *addresses) {
  sd_netlink_close(&addresses->netlink);
  free(addresses->entries);
  addresses->entries = NULL;
  addresses->count = addresses->capacity = 0;
}

static sd_addresses_entry *find(sd_addresses *addresses, const sd_addresses_entry *like) {
  for (size_t i = 0; i < addresses->count; i++) {
    sd_addresses_entry *entry = &addresses->entries[i];
    if (entry->interface_index == like->interface_index && entry->prefix == like->prefix &&
        entry->address.family == like->address.family &&
        memcmp(entry->address.bytes, like->address.bytes, sizeof like->address.bytes) == 0)
      return entry;
  }
  return NULL;
}

static void add(sd_addresses *addresses, sd_addresses_entry *entry) {
  sd_addresses_entry *known = find(addresses, entry);
  if (known != NULL) {
    known->seen = true;
    return;
  }
  if (addresses->count == SD_ADDRESSES_MAX) return;
  if (addresses->count == addresses->capacity) {
    size_t capacity = addresses->capacity == 0 ? 16 : addresses->capacity * 2;
    sd_addresses_entry *grown = realloc(addresses->entries, capacity * sizeof *grown);
    if (grown == NULL) return; /* out of memory: an address that we do not know of stays on TCP */
    addresses->entries = grown;
    addresses->capacity = capacity;
  }
  entry->seen = true;
  if (if_indextoname(entry->interface_index, entry->interface_name) == NULL) entry->interface_name[0] = '\0';
  addresses->entries[addresses->count++] = *entry;
  addresses->on_change(addresses->owner, true, entry);
}

static void drop(sd_addresses *addresses, sd_addresses_entry *known) {
  sd_addresses_entry gone = *known;
  *known = addresses->entries[--addresses->count];
  addresses->on_change(addresses->owner, false, &gone);
}

static int take_address(sd_addresses *addresses, const sd_netlink_message *message) {
  struct ifaddrmsg body;
  if (message->length < sizeof body) return -EPROTO;
  memcpy(&body, message->payload, sizeof body);
  if (body.ifa_family != AF_INET && body.ifa_family != AF_INET6) return 0;
  size_t size = sd_address_size(body.ifa_family), length = 0;
  /* IFA_LOCAL is the own end of a point-to-point interface; IPv6 has only IFA_ADDRESS. */
  const uint8_t *bytes = sd_netlink_attribute(message, sizeof body, IFA_LOCAL, &length);
  if (bytes == NULL) bytes = sd_netlink_attribute(message, sizeof body, IFA_ADDRESS, &length);
  if (bytes == NULL || length != size) return -EPROTO;
  sd_addresses_entry entry;
  memset(&entry, 0, sizeof entry);
  entry.address.family = body.ifa_family;
  memcpy(entry.address.bytes, bytes, size);
  entry.interface_index = body.ifa_index;
  entry.prefix = body.ifa_prefixlen;
  uint32_t flags = body.ifa_flags;
  const uint8_t *wide = sd_netlink_attribute(message, sizeof body, IFA_FLAGS, &length);
  if (wide != NULL && length == sizeof flags) memcpy(&flags, wide, sizeof flags);
  /* Not usable before duplicate detection is over; the kernel tells again then. */
  bool usable = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0 || (flags & IFA_F_OPTIMISTIC) != 0;
  if (message->type == RTM_NEWADDR && usable) {
    add(addresses, &entry);
    return 0;
  }
  sd_addresses_entry *known = find(addresses, &entry);
  if (known != NULL) drop(addresses, known);
  return 0;
}

/* Without the whole list nothing can be said about what is not in it: then everything known stays. */
static void end_replay(sd_addresses *addresses, bool whole) {
  if (whole && addresses->stale && !addresses->lost && replay(addresses) == 0) return;
  addresses->replaying = false;
  if (addresses->lost) return; /* sd_addresses_read asks again */
  for (size_t i = addresses->count; whole && i > 0; i--)
    if (!addresses->entries[i - 1].seen) drop(addresses, &addresses->entries[i - 1]);
  addresses->on_replayed(addresses->owner);
}

int sd_addresses_take(sd_addresses *addresses, const void *datagram, size_t length) {
  const uint8_t *cursor = datagram;
  sd_netlink_message message;
  for (;;) {
    int taken = sd_netlink_next(&cursor, &length, &message);
    if (taken <= 0) return taken;
    bool ours = addresses->replaying && message.sequence == addresses->netlink.sequence &&
                message.port == addresses->netlink.port;
    if (ours && (message.flags & NLM_F_DUMP_INTR) != 0) addresses->stale = true;
    if (message.type == RTM_NEWADDR || message.type == RTM_DELADDR) {
      int error = take_address(addresses, &message);
      if (error != 0) return error;
    } else if (ours && (message.type == NLMSG_DONE || message.type == NLMSG_ERROR)) {
      end_replay(addresses, message.type == NLMSG_DONE);
    }
  }
}

int sd_addresses_read(sd_addresses *addresses) {
  _Alignas(8) uint8_t buffer[DATAGRAM_MAX];
  for (int i = 0; i < DATAGRAMS_PER_READ; i++) {
    int received = sd_netlink_receive(&addresses->netlink, buffer, sizeof buffer);
    if (received == -ENOBUFS) { /* ADDR-11: ask again */
      addresses->lost = true;
    } else if (received == -EAGAIN) {
      if (!addresses->lost || addresses->replaying) return 0;
      addresses->lost = false;
      int error = replay(addresses);
      if (error != 0) return error;
    } else if (received < 0) {
      return received;
    } else {
      int error = sd_addresses_take(addresses, buffer, (size_t)received);
      if (error != 0) return error;
      if (addresses->netlink.fd < 0) return 0; /* a callback closed us */
    }
  }
  return 1;
}
