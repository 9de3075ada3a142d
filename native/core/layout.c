#include "layout.h"

#include <errno.h>

int sd_layout_check(size_t bytes, uint64_t ring_bytes) {
  if (ring_bytes < SD_LAYOUT_RING_MIN || ring_bytes > SD_LAYOUT_RING_MAX) return -EINVAL;
  if ((ring_bytes & (ring_bytes - 1)) != 0) return -EINVAL;
  return bytes >= SD_LAYOUT_FIXED + 2 * ring_bytes ? 0 : -EINVAL;
}
