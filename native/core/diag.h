/* Which listener would TCP reach? Asked of the kernel itself (NETLINK_SOCK_DIAG, DESIGN D4, ADDR-12, ADDR-13). */
#ifndef SD_DIAG_H
#define SD_DIAG_H

#include "address.h"
#include "netlink.h"

typedef struct sd_diag_answer {
  uint64_t cookie;
  uint32_t uid;
  uint32_t inode;
  uint32_t state;
} sd_diag_answer;

/*
 * The listening socket that a connection from local to remote would be accepted by: 0 and *out, -ENOENT none (also
 * when the socket found is not in LISTEN), -EINVAL families differ, or what netlink says. One request, never a dump.
 * Meaningful only when the routing table calls remote local (sd_route_find).
 */
int sd_diag_find(sd_netlink *netlink, const sd_address *remote, uint16_t remote_port, const sd_address *local,
                 uint16_t local_port, sd_diag_answer *out);

/* Reads an answer's payload. 0, -EPROTO, or -ENOENT when it is not a listener. */
int sd_diag_parse(const sd_netlink_message *message, uint16_t remote_port, sd_diag_answer *out);

#endif
