#include "access.h"

#include <errno.h>

#include "ring.h"

static _Atomic uint32_t *own_slot(const sd_access *access, uint32_t slot) {
  return sd_layout_access(access->memory, access->own_end) + slot % SD_LAYOUT_ACCESS_SLOTS;
}

void sd_access_expose(const sd_access *access, uint32_t slot, uint32_t generation) {
  atomic_store_explicit(own_slot(access, slot), generation, memory_order_release);
}

bool sd_access_revoke(const sd_access *access, uint32_t slot, uint32_t generation) {
  atomic_store_explicit(own_slot(access, slot), generation, memory_order_release);
  /* SYNC POINT REVOKE: before anything that the owner does with the memory. SYNC POINT CLAIM: before the look at busy. */
  sd_ring_fence();
  return sd_access_busy(access) == slot + 1;
}

uint32_t sd_access_busy(const sd_access *access) {
  /* SYNC POINT DONE (acquire): what the writer wrote is there when it is no longer busy. */
  return atomic_load_explicit(&sd_layout_guard(access->memory, access->own_end)->busy, memory_order_acquire);
}

uint32_t sd_access_close(const sd_access *access) {
  atomic_store_explicit(&sd_layout_guard(access->memory, access->own_end)->closed, 1, memory_order_release);
  sd_ring_fence(); /* SYNC POINT CLAIM */
  return sd_access_busy(access);
}

static int permitted(const sd_access *access, const sd_vm_peer *peer, uint32_t slot, uint32_t generation) {
  unsigned end = access->own_end ^ 1u;
  if (slot >= SD_LAYOUT_ACCESS_SLOTS) return -EINVAL;
  if (atomic_load_explicit(&sd_layout_guard(access->memory, end)->closed, memory_order_acquire) != 0) return -EPIPE;
  if (atomic_load_explicit(sd_layout_access(access->memory, end) + slot, memory_order_acquire) != generation)
    return -ESTALE;
  return sd_vm_peer_alive(peer);
}

int64_t sd_access_read(const sd_access *access, const sd_vm_peer *peer, uint32_t slot, uint32_t generation,
                       const struct iovec *local, size_t count, uint64_t remote) {
  int error = permitted(access, peer, slot, generation); /* SYNC POINT REVOKE (acquire) */
  if (error != 0) return error;
  int64_t bytes = sd_vm_read(peer, local, count, remote);
  sd_ring_fence(); /* SYNC POINT REVOKE: the copy is over before the second look */
  error = permitted(access, peer, slot, generation);
  /* Taken back, or gone: that explains whatever else went wrong, and what was copied may be anybody's. */
  return error != 0 ? error : bytes;
}

int64_t sd_access_write(const sd_access *access, const sd_vm_peer *peer, uint32_t slot, uint32_t generation,
                        const struct iovec *local, size_t count, uint64_t remote) {
  _Atomic uint32_t *busy = &sd_layout_guard(access->memory, access->own_end ^ 1u)->busy;
  if (slot >= SD_LAYOUT_ACCESS_SLOTS) return -EINVAL;
  atomic_store_explicit(busy, slot + 1, memory_order_relaxed);
  sd_ring_fence(); /* SYNC POINT CLAIM */
  int error = permitted(access, peer, slot, generation);
  int64_t bytes = error != 0 ? error : sd_vm_write(peer, local, count, remote);
  atomic_store_explicit(busy, 0, memory_order_release); /* SYNC POINT DONE */
  if (error != 0) return error;
  error = permitted(access, peer, slot, generation);
  return error != 0 ? error : bytes;
}
