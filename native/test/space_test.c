/* Who waits for room in a ring: when that is work for the pump, and what counts as progress then. */
#include <string.h>

#include "../core/pump.h"
#include "test.h"

typedef struct end {
  sd_pump pump;
  sd_direction rx, tx;
  uint32_t state[SD_STATE_WORDS];
  sd_pump_link link;
  int drains, stalled;
  int to_send; /* so many wait; each drain sends one of them, and looks at what has come only after the last */
  bool ignores;
} end;

static uint64_t now;
static uint64_t clock_fake(void) { return now += 50; }

static void on_event(void *owner, sd_pump_event event) {
  end *self = owner;
  if (event == SD_PUMP_STALLED) self->stalled++;
  if (event != SD_PUMP_DRAIN) return;
  self->drains++;
  if (self->ignores) return;
  if (self->to_send != 0) {
    self->state[SD_STATE_PROGRESS]++;
    if (--self->to_send == 0) self->state[SD_STATE_TX_WAITING] = 0;
    return;
  }
  self->state[SD_STATE_RX_HEAD] = sd_ring_tail(&self->rx);
  sd_ring_consume(&self->rx, self->state[SD_STATE_RX_HEAD]);
}

static int turns_until_asleep(end *self, int most) {
  int turns = 0;
  while (self->pump.awake && turns < most) {
    sd_pump_turn(&self->pump);
    turns++;
  }
  return turns;
}

static void setup(end *self) {
  now = 1000000;
  memset(self, 0, sizeof *self);
  sd_pump_init(&self->pump, on_event, clock_fake, 0);
  self->link = (sd_pump_link){.rx = &self->rx, .tx = &self->tx, .state = self->state, .owner = self};
  CHECK_EQUAL(sd_pump_add(&self->pump, &self->link), 0);
  turns_until_asleep(self, 10);
}

static void wait_for(end *self, uint32_t wanted, int records) {
  self->to_send = records;
  self->state[SD_STATE_TX_WAITING] = 1;
  self->state[SD_STATE_TX_WANTED] = wanted;
}

static void space_is_work_too(void) {
  end self;
  setup(&self);
  wait_for(&self, 64, 1);
  sd_ring_set_waiting(&self.tx, 64);
  sd_ring_consume(&self.tx, 48);
  CHECK(!sd_ring_take_space_doorbell(&self.tx, &self.rx)); /* not as much as is wanted */
  sd_ring_consume(&self.tx, 64);
  CHECK(sd_ring_take_space_doorbell(&self.tx, &self.rx));
  CHECK(!sd_ring_take_space_doorbell(&self.tx, &self.rx));
  sd_pump_bell(&self.pump, &self.link);
  CHECK(self.drains == 1 && self.to_send == 0);
  turns_until_asleep(&self, 10);
  self.ignores = true; /* the peer's head moves, the program does not care: bounded as well */
  wait_for(&self, 128, 1);
  sd_ring_consume(&self.tx, 128);
  sd_pump_bell(&self.pump, &self.link);
  CHECK(turns_until_asleep(&self, 1000) <= (int)SD_PUMP_STALL_MAX + 1);
  CHECK_EQUAL(self.stalled, 1);
  sd_pump_free(&self.pump);
}

/*
 * Something has come, and there is room for some of what waits, although not for as much as is waited for: sending it is
 * progress, and no peer is at fault for it. It is not put off to other turns either.
 */
static void sending_is_progress_also_without_the_space_that_is_waited_for(void) {
  end self;
  setup(&self);
  wait_for(&self, 64, 10 * (int)SD_PUMP_STALL_MAX);
  sd_ring_publish(&self.rx, 16);
  sd_pump_bell(&self.pump, &self.link);
  int turns = turns_until_asleep(&self, 1000);
  CHECK(turns <= self.drains / (int)SD_PUMP_BUDGET + 1);
  CHECK(self.to_send == 0 && self.stalled == 0);
  CHECK_EQUAL(self.state[SD_STATE_RX_HEAD], 16);
  sd_pump_free(&self.pump);
}

/* A wait announced while awake may have been taken for an earlier one (native/model/sleep.pml, NO_REASSERT). */
static void who_waits_says_so_again_when_falling_asleep(void) {
  end self;
  setup(&self);
  sd_ring_publish(&self.rx, 16);
  sd_pump_bell(&self.pump, &self.link); /* awake */
  CHECK(self.pump.awake);
  wait_for(&self, 64, 1);
  sd_ring_set_waiting(&self.tx, 0);
  CHECK(!sd_ring_take_space_doorbell(&self.tx, &self.rx)); /* taken, but we are awake: no ring */
  turns_until_asleep(&self, 10);
  CHECK(!self.pump.awake);
  sd_ring_consume(&self.tx, 64);
  CHECK(sd_ring_take_space_doorbell(&self.tx, &self.rx));
  sd_pump_free(&self.pump);
}

void test_space(void) {
  space_is_work_too();
  sending_is_progress_also_without_the_space_that_is_waited_for();
  who_waits_says_so_again_when_falling_asleep();
}
