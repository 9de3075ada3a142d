/*
 * What the pump counts as polling: awake with nothing to do, and neither asleep nor at work. And what it makes of a core that it
 * has to share.
 */
#include <string.h>

#include "../core/pump.h"
#include "test.h"

typedef struct end {
  sd_pump pump;
  sd_direction rx, tx;
  uint32_t state[SD_STATE_WORDS];
  sd_pump_link link;
  uint64_t works; /* for so long, for each drain */
  int drains;
} end;

static uint64_t now;
static uint64_t clock_fake(void) { return now += 50; }

static bool undisturbed;
static bool is_undisturbed(void *context) {
  (void)context;
  return undisturbed;
}

static void on_event(void *owner, sd_pump_event event) {
  end *self = owner;
  if (event != SD_PUMP_DRAIN) return;
  self->drains++;
  now += self->works;
  self->state[SD_STATE_RX_HEAD] = sd_ring_tail(&self->rx);
  sd_ring_consume(&self->rx, self->state[SD_STATE_RX_HEAD]);
}

static void setup(end *self) {
  now = 1000000;
  memset(self, 0, sizeof *self);
  sd_pump_init(&self->pump, on_event, clock_fake, 100000);
  self->pump.undisturbed = is_undisturbed;
  self->link = (sd_pump_link){.rx = &self->rx, .tx = &self->tx, .state = self->state, .owner = self};
  CHECK_EQUAL(sd_pump_add(&self->pump, &self->link), 0);
}

static void arrive(end *to) { sd_ring_publish(&to->rx, sd_ring_tail(&to->rx) + 16); }

/* Of what goes by between two turns only the owner knows whether it was polling: always, in every other turn, never. */
static void polling_in_vain_is_counted(void) {
  for (int told = 0; told < 3; told++) {
    end self;
    setup(&self);
    sd_pump *pump = &self.pump;
    if (told == 2) pump->undisturbed = NULL;
    uint64_t started = now, others = 0, seen = 0;
    for (int i = 0; pump->awake; i++) {
      undisturbed = told == 0 || (told == 1 && i % 2 == 0);
      sd_pump_turn(pump);
      if (!pump->awake) break;
      now += 1000;
      if (told == 2 || (told == 1 && i % 2 == 0)) others += 1000; /* the next turn will hear of it */
      CHECK(pump->stats.polled > seen);
      seen = pump->stats.polled;
    }
    CHECK(told == 0 || others > 5000);
    CHECK(pump->stats.polled + others <= now - started);
    CHECK(pump->stats.polled + others >= (now - started) * 8 / 10);
    sd_pump_free(pump);
  }
}

static void sleep_and_the_doorbells_work_are_no_polling(void) {
  end self;
  setup(&self);
  sd_pump *pump = &self.pump;
  undisturbed = true;
  while (pump->awake) sd_pump_turn(pump);
  uint64_t seen = pump->stats.polled;
  now += 1000000;
  arrive(&self);
  self.works = 50000;
  sd_pump_bell(pump, &self.link);
  CHECK_EQUAL(self.drains, 1);
  CHECK(pump->awake);
  sd_pump_turn(pump);
  CHECK(pump->stats.polled > seen && pump->stats.polled - seen < 10000);
  sd_pump_free(pump);
}

/* What looking found ends it, and what the program then does is none. */
static void work_is_no_polling(void) {
  end self;
  setup(&self);
  sd_pump *pump = &self.pump;
  undisturbed = true;
  self.works = 5000000;
  sd_pump_turn(pump);
  for (int i = 0; i < 10; i++) {
    uint64_t seen = pump->stats.polled;
    arrive(&self);
    now += 2000; /* while the loop asked the kernel in vain */
    sd_pump_begin(pump);
    sd_pump_turn(pump);
    CHECK_EQUAL(self.drains, i + 1);
    CHECK(pump->stats.polled - seen >= 2000 && pump->stats.polled - seen < 20000);
  }
  sd_pump_free(pump);
}

static void turn_after(end *self, uint64_t ns) {
  now += ns;
  arrive(self);
  sd_pump_begin(&self->pump);
  sd_pump_turn(&self->pump);
}

/*
 * Between two turns the loop was off its core for a slice, `polled` or at work as the owner says. If that comes again at once,
 * what came meanwhile was not found by looking, and the next quiet periods are without a look.
 */
static void leaves_a_core_that_is_anothers(void) {
  for (int shared = 0; shared < 2; shared++) {
    end self;
    setup(&self);
    sd_pump *pump = &self.pump;
    undisturbed = shared == 1;
    sd_pump_turn(pump);
    CHECK(pump->awake);
    CHECK_EQUAL(pump->stats.spins, 1);
    turn_after(&self, 2000000);
    CHECK(pump->awake && pump->stats.spin_hits == 1 && pump->stats.spins == 2);
    turn_after(&self, 2000000);
    CHECK_EQUAL(self.drains, 2);
    CHECK_EQUAL(pump->stats.spin_hits, shared == 1 ? 1 : 2);
    CHECK_EQUAL(pump->awake, shared == 0);
    CHECK_EQUAL(pump->stats.spins, shared == 1 ? 2 : 3);
    sd_pump_free(pump);
  }
}

/* A virtual machine's core is taken now and then, whatever runs on it. */
static void stays_on_a_core_that_the_host_takes_at_times(void) {
  end self;
  setup(&self);
  undisturbed = true;
  sd_pump_turn(&self.pump);
  for (int i = 1; i <= 20; i++) {
    turn_after(&self, i % 2 == 0 ? 2000 : 2000000);
    CHECK(self.pump.awake);
    CHECK_EQUAL(self.pump.stats.spin_hits, i);
  }
  sd_pump_free(&self.pump);
}

void test_polled(void) {
  polling_in_vain_is_counted();
  sleep_and_the_doorbells_work_are_no_polling();
  work_is_no_polling();
  leaves_a_core_that_is_anothers();
  stays_on_a_core_that_the_host_takes_at_times();
}
