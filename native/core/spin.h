/*
 * How long the event loop looks for work before it sleeps (DESIGN D6): 0 to `max` nanoseconds, learned.
 * A pure state machine: it is told durations and reads no clock.
 *
 *   window grows   when looking found work, or when a wake-up came so soon that looking would have found it
 *   window halves  when looking was in vain, and becomes 0 below a floor: then the loop sleeps at once
 *   at window 0    every SD_SPIN_PROBE_EVERYth time it looks once, for a part of max, in case times have changed
 */
#ifndef SD_SPIN_H
#define SD_SPIN_H

#include <stdint.h>

#define SD_SPIN_MAX_NS 200000u
#define SD_SPIN_FLOOR_NS 4000u
#define SD_SPIN_MARGIN_NS 8000u
#define SD_SPIN_PROBE_EVERY 64u

typedef struct sd_spin {
  uint32_t max;     /* 0: never spin */
  uint32_t window;  /* what a spin may cost now */
  uint32_t idle;    /* quiet periods since the last spin, while window is 0 */
} sd_spin;

/* max_ns is cut to SD_SPIN_MAX_NS. The first quiet period gets the whole of it. */
void sd_spin_init(sd_spin *spin, uint32_t max_ns);

/* A quiet period begins: for how many nanoseconds to look. Counts towards the next probe. */
uint32_t sd_spin_begin(sd_spin *spin);

/* Work was found by looking, `waited` after the quiet period began. */
void sd_spin_paid(sd_spin *spin, uint64_t waited);

/* The time given by begin (more than 0) is up, nothing came. */
void sd_spin_failed(sd_spin *spin);

/* Slept, then a doorbell brought work, `waited` after the quiet period began. */
void sd_spin_woken(sd_spin *spin, uint64_t waited);

#endif
