#include "spin.h"

static uint32_t limited(const sd_spin *spin, uint64_t wanted) {
  return wanted < spin->max ? (uint32_t)wanted : spin->max;
}

static void earn(sd_spin *spin, uint32_t gain) {
  spin->credit += gain;
  if (spin->credit > SD_SPIN_CREDIT_MAX) spin->credit = SD_SPIN_CREDIT_MAX;
  spin->idle = 0;
}

void sd_spin_init(sd_spin *spin, uint32_t max_ns) {
  spin->max = max_ns < SD_SPIN_MAX_NS ? max_ns : SD_SPIN_MAX_NS;
  spin->window = spin->max;
  spin->credit = SD_SPIN_CREDIT_MAX / 2;
  spin->idle = 0;
  spin->crowd = 0;
  spin->crowds = SD_SPIN_CROWD_MIN;
}

uint32_t sd_spin_begin(sd_spin *spin) {
  if (spin->max == 0) return 0;
  if (spin->crowd != 0) {
    spin->crowd--;
    return 0;
  }
  if (spin->credit != 0) return spin->window;
  if (++spin->idle < SD_SPIN_PROBE_EVERY) return 0;
  spin->idle = 0;
  return spin->max / 4 + 1;
}

void sd_spin_paid(sd_spin *spin, uint64_t waited) {
  /* Twice what was needed, and a margin, so that ordinary jitter still hits. */
  uint32_t want = limited(spin, waited * 2 + SD_SPIN_MARGIN_NS);
  if (want >= spin->window) spin->window = want;
  else spin->window -= (spin->window - want) / SD_SPIN_SHRINK;
  if (spin->max == 0) return;
  earn(spin, SD_SPIN_GAIN);
  if (spin->crowds > SD_SPIN_CROWD_MIN) spin->crowds--;
}

void sd_spin_failed(sd_spin *spin, bool sleeper) {
  uint32_t cost = sleeper ? SD_SPIN_COST_SLEEPER : SD_SPIN_COST;
  spin->credit = spin->credit > cost ? spin->credit - cost : 0;
}

void sd_spin_woken(sd_spin *spin, uint64_t waited, bool sleeper) {
  if (spin->max == 0 || spin->crowd != 0 || waited > spin->max + (sleeper ? SD_SPIN_WAKE_NS : 0)) return;
  /* Not twice: falling asleep and waking up are part of this wait. */
  uint32_t want = limited(spin, waited + SD_SPIN_MARGIN_NS);
  if (want > spin->window) spin->window = want;
  earn(spin, sleeper ? SD_SPIN_GAIN_SLEEPER : SD_SPIN_GAIN);
}

void sd_spin_crowded(sd_spin *spin) {
  spin->credit = 0;
  spin->idle = SD_SPIN_PROBE_EVERY - 1; /* the first quiet period after that is a probe */
  spin->crowd = spin->crowds;
  if (spin->crowds < SD_SPIN_CROWD_MAX) spin->crowds *= 2;
}
