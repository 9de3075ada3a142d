#include "../core/layout.h"

#include <errno.h>

#include "test.h"

void test_layout(void) {
  size_t enough = SD_LAYOUT_FIXED + 2 * SD_LAYOUT_RING_MIN;
  CHECK_EQUAL(sd_layout_check(enough, SD_LAYOUT_RING_MIN), 0);
  CHECK_EQUAL(sd_layout_check(enough - 1, SD_LAYOUT_RING_MIN), -EINVAL);
  CHECK_EQUAL(sd_layout_check(1u << 30, SD_LAYOUT_RING_MIN + 16), -EINVAL);
  CHECK_EQUAL(sd_layout_check(1u << 30, SD_LAYOUT_RING_MIN / 2), -EINVAL);
  CHECK_EQUAL(sd_layout_check(1u << 30, SD_LAYOUT_RING_MAX), 0);
  CHECK_EQUAL(sd_layout_check(1u << 30, 2 * (uint64_t)SD_LAYOUT_RING_MAX), -EINVAL);
  CHECK_EQUAL(sd_layout_check(SIZE_MAX, (uint64_t)1 << 63), -EINVAL);
  char *memory = aligned_alloc(SD_LAYOUT_PAGE, SD_LAYOUT_PAGE);
  CHECK((char *)&sd_layout_direction(memory, 0)->tail == memory + 256);
  CHECK((char *)&sd_layout_direction(memory, 1)->waiting == memory + 256 + 512 + 384);
  CHECK((char *)&sd_layout_guard(memory, 0)->closed == memory + 1280);
  CHECK((char *)&sd_layout_guard(memory, 1)->busy == memory + 1280 + 256 + 128);
  CHECK((char *)sd_layout_access(memory, 1) == memory + 8192);
  free(memory);
}
