/*
 * How long the event loop looks for work before it sleeps (DESIGN D6): 0 to `max` nanoseconds, learned.
 * A pure state machine: it is told durations and reads no clock.
 *
 *   whether  by credit: more when looking found work, or when a wake-up came so soon that looking would have found it;
 *            less when it was in vain. Without credit the loop sleeps at once, but for one look in SD_SPIN_PROBE_EVERY
 *            quiet periods, for a part of max, in case times have changed. A wait for a peer that we had to wake says
 *            little about what it would have been with both awake, so it counts less either way: else two loops that
 *            wake each other in turn would never find out that they need not
 *   not at all for a while when another thread wanted the core: who looks is no sleeper, so the scheduler lets the other use up
 *            its slice, milliseconds, where it would run one that a message wakes at once. Twice as long each time it happens
 *            again, and nothing is learned meanwhile, for the waits are those of a crowded core
 *   how long by the window: it grows at once to what was needed and shrinks very slowly. Waits come in kinds (the answer
 *            to what was sent; the next request), and a window that fits the short kind has the loop sleep in the other
 */
#ifndef SD_SPIN_H
#define SD_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#define SD_SPIN_MAX_NS 200000u
#define SD_SPIN_MARGIN_NS 8000u
#define SD_SPIN_PROBE_EVERY 64u
/* Credit: it pays if at least two looks in three find something. */
#define SD_SPIN_GAIN 4u
#define SD_SPIN_GAIN_SLEEPER 1u
#define SD_SPIN_COST 8u
#define SD_SPIN_COST_SLEEPER 4u
#define SD_SPIN_CREDIT_MAX 32u
#define SD_SPIN_WAKE_NS 300000u /* what waking a peer may add to a wait */
#define SD_SPIN_SHRINK 256u
/* Quiet periods without a look after the core was crowded: at first, and at most. */
#define SD_SPIN_CROWD_MIN 64u
#define SD_SPIN_CROWD_MAX 4096u

typedef struct sd_spin {
  uint32_t max;     /* 0: never spin */
  uint32_t window;  /* what a spin may cost now */
  uint32_t credit;  /* 0: looking does not pay now */
  uint32_t idle;    /* quiet periods since the last spin, while there is no credit */
  uint32_t crowd;   /* quiet periods to come in which the core is taken for crowded */
  uint32_t crowds;  /* how many it will be the next time; falls with each look that pays */
} sd_spin;

/* max_ns is cut to SD_SPIN_MAX_NS. The first quiet period gets the whole of it. */
void sd_spin_init(sd_spin *spin, uint32_t max_ns);

/* A quiet period begins: for how many nanoseconds to look. Counts towards the next probe. */
uint32_t sd_spin_begin(sd_spin *spin);

/* Work was found by looking, `waited` after the quiet period began. */
void sd_spin_paid(sd_spin *spin, uint64_t waited);

/* The time given by begin (more than 0) is up, nothing came. `sleeper`: the peer had to be woken meanwhile. */
void sd_spin_failed(sd_spin *spin, bool sleeper);

/* Slept, then a doorbell brought work, `waited` after the quiet period began. */
void sd_spin_woken(sd_spin *spin, uint64_t waited, bool sleeper);

/* While it looked, another thread had the core for long. */
void sd_spin_crowded(sd_spin *spin);

#endif
