/* Is this destination this host? Asked of the routing table, never guessed from subnets (DESIGN D4). */
#ifndef SD_ROUTE_H
#define SD_ROUTE_H

#include "address.h"
#include "netlink.h"

/* 1 the route is local, 0 it is not, or a negative errno (-ENETUNREACH …). *source: the preferred source, family 0 = not said. */
int sd_route_find(sd_netlink *netlink, const sd_address *remote, sd_address *source);

/* Reads an answer's payload: 1, 0 or -EPROTO. */
int sd_route_parse(const sd_netlink_message *message, int family, sd_address *source);

#endif
