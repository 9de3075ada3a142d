#include "../core/spin.h"

#include "test.h"

static void never_when_off(void) {
  sd_spin spin;
  sd_spin_init(&spin, 0);
  for (int i = 0; i < 1000; i++) {
    CHECK_EQUAL(sd_spin_begin(&spin), 0);
    sd_spin_woken(&spin, 1, false);
    sd_spin_paid(&spin, 1);
  }
}

static void decays_when_in_vain(void) {
  sd_spin spin;
  sd_spin_init(&spin, 200000);
  uint64_t spent = 0;
  int spins = 0;
  for (int i = 0; i < 20; i++) {
    uint32_t window = sd_spin_begin(&spin);
    if (window == 0) break;
    spent += window;
    spins++;
    sd_spin_failed(&spin, false);
  }
  CHECK_EQUAL(spins, 2);
  CHECK(spent <= 400000);
  CHECK_EQUAL(sd_spin_begin(&spin), 0);
}

static void probes_now_and_then(void) {
  sd_spin spin;
  sd_spin_init(&spin, 100000);
  while (sd_spin_begin(&spin) != 0) sd_spin_failed(&spin, false);
  unsigned probes = 0;
  uint64_t spent = 0;
  for (unsigned i = 0; i < 10 * SD_SPIN_PROBE_EVERY; i++) {
    uint32_t window = sd_spin_begin(&spin);
    if (window == 0) continue;
    probes++;
    spent += window;
    sd_spin_failed(&spin, false);
  }
  CHECK(probes >= 9 && probes <= 10);
  CHECK(spent <= 10 * 100000);
}

static void grows_when_it_pays(void) {
  sd_spin spin;
  sd_spin_init(&spin, 200000);
  while (sd_spin_begin(&spin) != 0) sd_spin_failed(&spin, false);
  sd_spin_woken(&spin, 5000000, false); /* far too late to have been worth it */
  CHECK_EQUAL(sd_spin_begin(&spin), 0);
  sd_spin_woken(&spin, 60000, false); /* would have been worth it */
  CHECK(sd_spin_begin(&spin) >= 60000);
  sd_spin_paid(&spin, 1000000); /* later than the clock should allow: never above max */
  CHECK_EQUAL(sd_spin_begin(&spin), 200000);
  for (int i = 0; i < 10000; i++) sd_spin_paid(&spin, 500);
  CHECK(spin.window < 20000); /* quick answers need no long window */
  CHECK(spin.window > 1000);
}

/* Several answers after 5 us, then the next request after 80: the window stays with the longer wait. */
static void fits_waits_of_two_kinds(void) {
  sd_spin spin;
  sd_spin_init(&spin, 200000);
  int missed = 0;
  for (int i = 0; i < 3000; i++) {
    uint64_t waited = i % 6 == 5 ? 80000 : 5000;
    if (sd_spin_begin(&spin) >= waited) {
      sd_spin_paid(&spin, waited);
    } else {
      missed++;
      sd_spin_failed(&spin, false);
      sd_spin_woken(&spin, waited + 60000, false);
    }
  }
  CHECK(missed < 30);
}

/* Two loops that wake each other in turn: what each waits for is mostly the other's waking. */
static void finds_out_of_waking_each_other(void) {
  sd_spin spin;
  sd_spin_init(&spin, 200000);
  while (sd_spin_begin(&spin) != 0) sd_spin_failed(&spin, false);
  int periods = 0;
  while (sd_spin_begin(&spin) == 0) {
    sd_spin_woken(&spin, 350000, true);
    periods++;
  }
  CHECK(periods < (int)SD_SPIN_PROBE_EVERY / 4);
  while (sd_spin_begin(&spin) != 0) sd_spin_failed(&spin, true); /* and does not go on if it never helps */
  sd_spin_woken(&spin, 5000000, true);
  CHECK_EQUAL(sd_spin_begin(&spin), 0);
}

/* Every second look in vain does not pay. */
static void gives_up_when_half_are_in_vain(void) {
  sd_spin spin;
  sd_spin_init(&spin, 200000);
  int spins = 0;
  for (int i = 0; i < 1000; i++) {
    if (sd_spin_begin(&spin) == 0) continue;
    spins++;
    if (i % 2 == 0) sd_spin_paid(&spin, 10000);
    else sd_spin_failed(&spin, false);
  }
  CHECK(spins < 100);
}

/* Quiet periods until the next look, each of which a doorbell ends so soon that it would have paid. */
static int blind(sd_spin *spin) {
  int periods = 0;
  while (sd_spin_begin(spin) == 0) {
    sd_spin_woken(spin, 5000, false);
    periods++;
  }
  return periods;
}

/* The core is another's: no look for a while, twice as long each time, and back when looks pay again. */
static void leaves_a_crowded_core(void) {
  sd_spin spin;
  sd_spin_init(&spin, 200000);
  CHECK(sd_spin_begin(&spin) != 0);
  int expected = SD_SPIN_CROWD_MIN;
  for (int i = 0; i < 12; i++) {
    sd_spin_crowded(&spin);
    CHECK_EQUAL(blind(&spin), expected);
    if (expected < (int)SD_SPIN_CROWD_MAX) expected *= 2;
  }
  CHECK_EQUAL(expected, SD_SPIN_CROWD_MAX);
  for (unsigned i = 0; i < SD_SPIN_CROWD_MAX; i++) {
    CHECK(i == 0 || sd_spin_begin(&spin) != 0);
    sd_spin_paid(&spin, 5000);
  }
  sd_spin_crowded(&spin);
  CHECK_EQUAL(blind(&spin), SD_SPIN_CROWD_MIN);
}

static void is_bounded(void) {
  sd_spin spin;
  uint32_t seed = 7;
  sd_spin_init(&spin, UINT32_MAX);
  CHECK_EQUAL(spin.max, SD_SPIN_MAX_NS);
  for (int i = 0; i < 100000; i++) {
    uint32_t window = sd_spin_begin(&spin);
    CHECK(window <= SD_SPIN_MAX_NS);
    uint64_t waited = (uint64_t)test_random(&seed) << (test_random(&seed) % 32);
    switch (test_random(&seed) % 3) {
      case 0: sd_spin_paid(&spin, waited); break;
      case 1: sd_spin_woken(&spin, waited, false); break;
      default: sd_spin_failed(&spin, false);
    }
  }
}

void test_spin(void) {
  never_when_off();
  decays_when_in_vain();
  probes_now_and_then();
  grows_when_it_pays();
  fits_waits_of_two_kinds();
  finds_out_of_waking_each_other();
  gives_up_when_half_are_in_vain();
  leaves_a_crowded_core();
  is_bounded();
}
