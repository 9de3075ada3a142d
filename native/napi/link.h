/* A link as the Node-API side keeps it: link.c opens and serves it, access.c reaches the peer's memory through it. */
#ifndef SD_LINK_H
#define SD_LINK_H

#include "../core/access.h"
#include "callback.h"

#define SD_PROOF_BYTES 16

typedef struct sd_link {
  sd_isolate *isolate;
  uv_poll_t poll;
  int fd;
  int32_t number;
  bool closed;   /* by JavaScript, or the environment ends: not one callback more */
  bool ended;    /* the peer is gone; rings may still hold what it sent */
  bool reported; /* onClosed has been called */
  sd_context context;
  napi_ref on_packet, on_closed, drain;
  sd_pump_link pump; /* pump.owner is this link */
  sd_region *memory, *state;
  sd_access access; /* attached: memory not NULL */
  sd_vm_peer peer;  /* pidfd -1: its memory has not been asked for, or must not be */
  bool may_read, may_write;
  uint8_t proof[SD_PROOF_BYTES]; /* what the peer reads to know that it reaches this very process */
} sd_link;

/* access.c. Nothing of ours may be reached through this link any more. */
void sd_link_access_close(sd_link *link);

/* The environment ends, and its memory with it: waits, for a bounded time, until no peer is writing into it. */
void sd_link_access_end(sd_isolate *isolate);

#endif
