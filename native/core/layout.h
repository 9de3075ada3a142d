/*
 * Layout of a link's shared memory, version 2 (DESIGN D3, D11; docs/SHM_LAYOUT.md has the whole of it).
 *
 * The addon touches only what is drawn with a name below; records and payload belong to TypeScript.
 *
 *   byte 0                              64                                    256
 *   +-----------------------------------+-------------------------------------+
 *   | header: magic, version, sizes     | zero                                |
 *   +-----------------------------------+-------------------------------------+
 *   256 + d * 512, d = 0 (written by the link's connector), 1 (written by its acceptor)
 *   +------------+------------+------------+------------+
 *   | tail       | head       | sleeping   | waiting    |  one 128-byte line each:
 *   | producer   | consumer   | consumer   | producer   |  no two writers share a pair of cache lines
 *   +------------+------------+------------+------------+
 *   1280 + d * 256: how memory of the same end, outside of this mapping, is reached by the other
 *   +------------+------------+
 *   | closed     | busy       |  one 128-byte line each
 *   | owner      | accessor   |
 *   +------------+------------+
 *   4096 + d * 4096: access table of that end: 1024 generations, written by the owner of the memory (access.h)
 *   12288: consumed counters and the two rings, at the offsets that the header names
 */
#ifndef SD_LAYOUT_H
#define SD_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define SD_LAYOUT_MAGIC 0x314C4453u /* "SDL1", little-endian */
#define SD_LAYOUT_VERSION 2u
#define SD_LAYOUT_PAGE 4096u
#define SD_LAYOUT_LINE 128u
#define SD_LAYOUT_DIRECTIONS 256u
#define SD_LAYOUT_DIRECTION_BYTES 512u
#define SD_LAYOUT_GUARDS 1280u
#define SD_LAYOUT_GUARD_BYTES 256u
#define SD_LAYOUT_ACCESS 4096u
#define SD_LAYOUT_ACCESS_SLOTS 1024u
#define SD_LAYOUT_FIXED 12288u /* where what depends on the sizes begins */
#define SD_LAYOUT_RING_MIN (512u * 1024u)
#define SD_LAYOUT_RING_MAX (16u * 1024u * 1024u)

/* Everything here can be changed by the peer at any time: read once into a local, check, then use (D5). */
typedef struct sd_header {
  _Atomic uint32_t magic;
  _Atomic uint32_t version;
  _Atomic uint32_t total_bytes;
  _Atomic uint32_t ring_bytes;
  _Atomic uint32_t slot_count;
  _Atomic uint32_t ring_offset[2];
  _Atomic uint32_t consumed_offset[2];
} sd_header;

typedef struct sd_direction {
  _Alignas(SD_LAYOUT_LINE) _Atomic uint32_t tail;     /* bytes ever written, mod 2^32 */
  _Alignas(SD_LAYOUT_LINE) _Atomic uint32_t head;     /* bytes ever consumed, mod 2^32 */
  _Alignas(SD_LAYOUT_LINE) _Atomic uint32_t sleeping; /* 1: the consumer wants the doorbell */
  _Alignas(SD_LAYOUT_LINE) _Atomic uint32_t waiting;  /* 1: the producer waits for space … */
  _Atomic uint32_t wanted;                            /* … until the head has come here */
} sd_direction;

typedef struct sd_guard {
  _Alignas(SD_LAYOUT_LINE) _Atomic uint32_t closed; /* 1: nothing of this end may be reached any more */
  _Alignas(SD_LAYOUT_LINE) _Atomic uint32_t busy;   /* slot + 1 that the other end is writing through, else 0 */
} sd_guard;

_Static_assert(sizeof(_Atomic uint32_t) == 4, "shared words are plain 32-bit words");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "shared words must not need a lock");
_Static_assert(offsetof(sd_header, magic) == 0, "layout");
_Static_assert(offsetof(sd_header, version) == 4, "layout");
_Static_assert(offsetof(sd_header, total_bytes) == 8, "layout");
_Static_assert(offsetof(sd_header, ring_bytes) == 12, "layout");
_Static_assert(offsetof(sd_header, slot_count) == 16, "layout");
_Static_assert(offsetof(sd_header, ring_offset) == 20, "layout");
_Static_assert(offsetof(sd_header, consumed_offset) == 28, "layout");
_Static_assert(sizeof(sd_header) <= SD_LAYOUT_DIRECTIONS, "the header ends before the control lines");
_Static_assert(offsetof(sd_direction, tail) == 0, "layout");
_Static_assert(offsetof(sd_direction, head) == 128, "layout");
_Static_assert(offsetof(sd_direction, sleeping) == 256, "layout");
_Static_assert(offsetof(sd_direction, waiting) == 384, "layout");
_Static_assert(offsetof(sd_direction, wanted) == 388, "layout");
_Static_assert(sizeof(sd_direction) == SD_LAYOUT_DIRECTION_BYTES, "layout");
_Static_assert(SD_LAYOUT_DIRECTIONS % SD_LAYOUT_LINE == 0, "control lines are aligned");
_Static_assert(offsetof(sd_guard, closed) == 0, "layout");
_Static_assert(offsetof(sd_guard, busy) == 128, "layout");
_Static_assert(sizeof(sd_guard) == SD_LAYOUT_GUARD_BYTES, "layout");
_Static_assert(SD_LAYOUT_GUARDS % SD_LAYOUT_LINE == 0, "guards are aligned");
_Static_assert(SD_LAYOUT_DIRECTIONS + 2 * SD_LAYOUT_DIRECTION_BYTES == SD_LAYOUT_GUARDS, "guards follow the control lines");
_Static_assert(SD_LAYOUT_GUARDS + 2 * SD_LAYOUT_GUARD_BYTES <= SD_LAYOUT_PAGE, "all lines fit in the first page");
_Static_assert(SD_LAYOUT_ACCESS == SD_LAYOUT_PAGE, "access tables follow the first page");
_Static_assert(SD_LAYOUT_ACCESS + 2 * 4 * SD_LAYOUT_ACCESS_SLOTS == SD_LAYOUT_FIXED, "two access tables of a page each");

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the layout is little-endian"
#endif

/* The control lines of direction d (0 or 1) in a mapping that sd_layout_check has passed. */
static inline sd_direction *sd_layout_direction(void *memory, unsigned direction) {
  return (sd_direction *)(void *)((char *)memory + SD_LAYOUT_DIRECTIONS + direction * SD_LAYOUT_DIRECTION_BYTES);
}

/* The guard of the memory of end d (0: the link's connector, 1: its acceptor). */
static inline sd_guard *sd_layout_guard(void *memory, unsigned end) {
  return (sd_guard *)(void *)((char *)memory + SD_LAYOUT_GUARDS + end * SD_LAYOUT_GUARD_BYTES);
}

/* The access table of end d: SD_LAYOUT_ACCESS_SLOTS generations. */
static inline _Atomic uint32_t *sd_layout_access(void *memory, unsigned end) {
  return (_Atomic uint32_t *)(void *)((char *)memory + SD_LAYOUT_ACCESS + end * 4 * SD_LAYOUT_ACCESS_SLOTS);
}

/*
 * Can memory of that many bytes hold two rings of that size (a power of two in range)? 0 or -EINVAL. The header is not
 * consulted: the control lines are where the version says, and everything else is TypeScript's to check, on a copy.
 */
int sd_layout_check(size_t bytes, uint64_t ring_bytes);

#endif
