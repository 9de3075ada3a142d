#include "spin.h"

/* Twice what was needed, and a margin, so that ordinary jitter still hits. */
static uint32_t needed(const sd_spin *spin, uint64_t waited) {
  uint64_t wanted = waited * 2 + SD_SPIN_MARGIN_NS;
  return wanted < spin->max ? (uint32_t)wanted : spin->max;
}

void sd_spin_init(sd_spin *spin, uint32_t max_ns) {
  spin->max = max_ns < SD_SPIN_MAX_NS ? max_ns : SD_SPIN_MAX_NS;
  spin->window = spin->max;
  spin->idle = 0;
}

uint32_t sd_spin_begin(sd_spin *spin) {
  if (spin->window != 0 || spin->max == 0) return spin->window;
  if (++spin->idle < SD_SPIN_PROBE_EVERY) return 0;
  spin->idle = 0;
  return spin->max / 4 + 1;
}

void sd_spin_paid(sd_spin *spin, uint64_t waited) {
  uint32_t want = needed(spin, waited);
  if (want >= spin->window) spin->window = want;
  else spin->window -= (spin->window - want) / 16; /* shrinks slowly: one quick answer says little about the next */
  spin->idle = 0;
}

void sd_spin_failed(sd_spin *spin) {
  spin->window /= 2;
  if (spin->window < SD_SPIN_FLOOR_NS) spin->window = 0;
}

void sd_spin_woken(sd_spin *spin, uint64_t waited) {
  if (spin->max == 0 || waited > spin->max) return;
  uint32_t want = needed(spin, waited);
  if (want > spin->window) spin->window = want;
}
