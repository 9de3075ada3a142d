/*
 * The addresses of this host's interfaces, kept current (ADDR-1..7, ADDR-11): subscribe first, then ask for all of
 * them (the replay), then follow the notices. When notices were lost the list is asked for again, and what is not in
 * it any more is reported as deleted. Only real changes are reported.
 */
#ifndef SD_ADDRESSES_H
#define SD_ADDRESSES_H

#include <net/if.h>
#include <stdbool.h>

#include "address.h"
#include "netlink.h"

#define SD_ADDRESSES_MAX 65536

typedef struct sd_addresses_entry {
  sd_address address;
  uint32_t interface_index;
  uint8_t prefix;
  bool seen; /* in the list that is being received */
  char interface_name[IF_NAMESIZE];
} sd_addresses_entry;

typedef struct sd_addresses {
  sd_netlink netlink;
  sd_addresses_entry *entries;
  size_t count, capacity;
  bool replaying;
  bool stale; /* the list changed while it was dumped: ask again */
  bool lost;  /* notices were lost: ask again, but only after reading what is older than the answer will be */
  void (*on_change)(void *owner, bool added, const sd_addresses_entry *entry);
  void (*on_replayed)(void *owner);
  void *owner;
} sd_addresses;

void sd_addresses_init(sd_addresses *addresses);

/* Subscribes and asks for the list. 0 or a negative errno. Its descriptor is readable when there is something to read. */
int sd_addresses_open(sd_addresses *addresses);
void sd_addresses_close(sd_addresses *addresses);

/* Reads what is there, at most a few datagrams. 1 perhaps more, 0 nothing left, or a negative errno: give up. */
int sd_addresses_read(sd_addresses *addresses);

/* One datagram; stands alone so that it can be fed with anything. 0 or -EPROTO. */
int sd_addresses_take(sd_addresses *addresses, const void *datagram, size_t length);

#endif
