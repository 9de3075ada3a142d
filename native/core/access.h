/*
 * One-sided access to memory of the other end, under the access table in the link's memory (DESIGN D5, D7).
 *
 * The owner of memory gives it a slot and writes a generation there; it takes the memory back by writing another one.
 * A reader copies and then looks again, as with a seqlock: bytes that were taken back meanwhile are thrown away. A
 * writer says first that it is busy, then looks, then writes: an owner that takes memory back and finds the writer
 * busy with it keeps the memory alone until it is not. Generations of a slot never repeat within 2^31 uses.
 *
 *   reader                            owner                                    writer
 *   ------                            -----                                    ------
 *   generation as agreed? (REVOKE)    generation = another                     busy = slot + 1
 *   copy                              fence                    (REVOKE, CLAIM)  fence                       (CLAIM)
 *   fence              (REVOKE)       busy == slot + 1 ? in use : free (CLAIM)  closed? generation as agreed? (CLAIM)
 *   generation as agreed? else drop   the memory may be used anew              write
 *                                                                             busy = 0, release            (DONE)
 *
 * The words are shared: a peer may write anything there. Then it gets bytes of its own memory wrong, or has ours kept
 * a little longer; which ranges of ours are touched never depends on them.
 */
#ifndef SD_ACCESS_H
#define SD_ACCESS_H

#include <stdbool.h>

#include "layout.h"
#include "vm.h"

typedef struct sd_access {
  void *memory;     /* the link's, checked by sd_layout_check */
  unsigned own_end; /* 0: we are the link's connector, 1: its acceptor */
} sd_access;

/* Owner. The slot is below SD_LAYOUT_ACCESS_SLOTS. */
void sd_access_expose(const sd_access *access, uint32_t slot, uint32_t generation);

/* Owner. Writes the next generation. True: the peer is writing through this slot at this moment. */
bool sd_access_revoke(const sd_access *access, uint32_t slot, uint32_t generation);

/* Owner. The slot + 1 that the peer is writing through, else 0. */
uint32_t sd_access_busy(const sd_access *access);

/* Owner. No access begins any more, whatever the slot. As sd_access_busy. */
uint32_t sd_access_close(const sd_access *access);

/*
 * Copies from or to the peer's memory. The bytes copied, or a negative errno: -ESTALE the memory was taken back (what
 * was copied is not to be used), -EINVAL no such slot, -EPIPE or -ESRCH the peer is gone, else as sd_vm_read.
 */
int64_t sd_access_read(const sd_access *access, const sd_vm_peer *peer, uint32_t slot, uint32_t generation,
                       const struct iovec *local, size_t count, uint64_t remote);
int64_t sd_access_write(const sd_access *access, const sd_vm_peer *peer, uint32_t slot, uint32_t generation,
                        const struct iovec *local, size_t count, uint64_t remote);

#endif
