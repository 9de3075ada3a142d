#include "layout.h"

#include <errno.h>
#include <stdbool.h>

static uint32_t once(_Atomic uint32_t *word) { return atomic_load_explicit(word, memory_order_relaxed); }

static bool fits(uint32_t offset, uint64_t bytes, size_t total) {
  return offset >= SD_LAYOUT_PAGE && offset % SD_LAYOUT_PAGE == 0 && (uint64_t)offset + bytes <= total;
}

int sd_layout_check(void *memory, size_t bytes, uint32_t ring_bytes) {
  if (memory == NULL || bytes < SD_LAYOUT_PAGE + 2 * (size_t)SD_LAYOUT_RING_MIN) return -EINVAL;
  if (ring_bytes < SD_LAYOUT_RING_MIN || ring_bytes > SD_LAYOUT_RING_MAX) return -EINVAL;
  if ((ring_bytes & (ring_bytes - 1)) != 0) return -EINVAL;
  if (bytes < SD_LAYOUT_PAGE + 2 * (size_t)ring_bytes) return -EINVAL;
  sd_header *header = memory;
  if (once(&header->magic) != SD_LAYOUT_MAGIC || once(&header->version) != SD_LAYOUT_VERSION) return -EPROTO;
  if (once(&header->total_bytes) != bytes || once(&header->ring_bytes) != ring_bytes) return -EPROTO;
  for (unsigned d = 0; d < 2; d++)
    if (!fits(once(&header->ring_offset[d]), ring_bytes, bytes)) return -EPROTO;
  return 0;
}
