/* The pump with an injected clock and a program made of a few switches. Also: a peer that lies. */
#include "../core/pump.h"

#include <string.h>

#include "test.h"

#define LINKS 4

typedef struct end {
  sd_pump *pump;
  sd_direction rx, tx;
  uint32_t state[SD_STATE_WORDS];
  sd_pump_link link;
  int drains, stalled, ended;
  enum { CONSUME, IGNORE, LATER, LIE, REMOVE_SELF, REMOVE_OTHER, ANSWER, ANSWER_AND_PRESS } manner;
  uint64_t works; /* for so long, for each drain */
  struct end *other;
} end;

static uint64_t now;
static bool pressing;
static uint64_t tick = 50;
static uint64_t clock_fake(void) { return now += tick; }

static void arrive(end *to) { sd_ring_publish(&to->rx, sd_ring_tail(&to->rx) + 16); }

static void on_event(void *owner, sd_pump_event event) {
  end *self = owner;
  if (event == SD_PUMP_STALLED) self->stalled++;
  if (event == SD_PUMP_ENDED) self->ended++;
  if (event != SD_PUMP_DRAIN) return;
  self->drains++;
  now += self->works;
  if (self->manner == IGNORE) return;
  if (self->manner == LATER) { /* something else comes first, this once */
    self->manner = CONSUME;
    return;
  }
  if (self->manner == LIE) { /* the peer moves its tail whenever we look, the program finds nothing it may consume */
    atomic_fetch_add(&self->rx.tail, 16);
    return;
  }
  self->state[SD_STATE_RX_HEAD] = sd_ring_tail(&self->rx);
  sd_ring_consume(&self->rx, self->state[SD_STATE_RX_HEAD]);
  if (self->manner == ANSWER || self->manner == ANSWER_AND_PRESS) arrive(self->other);
  if (self->manner == ANSWER_AND_PRESS) pressing = true;
  if (self->manner == REMOVE_SELF) sd_pump_remove(self->pump, &self->link);
  if (self->manner == REMOVE_OTHER) sd_pump_remove(self->pump, &self->other->link);
}

static void setup(sd_pump *pump, end *ends, int count, uint32_t spin) {
  now = 1000000;
  sd_pump_init(pump, on_event, clock_fake, spin);
  memset(ends, 0, sizeof *ends * (size_t)count);
  for (int i = 0; i < count; i++) {
    ends[i].pump = pump;
    ends[i].other = &ends[(i + 1) % count];
    ends[i].link = (sd_pump_link){.rx = &ends[i].rx, .tx = &ends[i].tx, .state = ends[i].state, .owner = &ends[i]};
    CHECK_EQUAL(sd_pump_add(pump, &ends[i].link), 0);
  }
}

static int turns_until_asleep(sd_pump *pump, int most) {
  int turns = 0;
  while (pump->awake && turns < most) {
    sd_pump_turn(pump);
    turns++;
  }
  return turns;
}

static void without_spinning_it_sleeps_at_once(void) {
  sd_pump pump;
  end ends[LINKS];
  setup(&pump, ends, LINKS, 0);
  arrive(&ends[2]);
  CHECK_EQUAL(turns_until_asleep(&pump, 10), 1);
  CHECK_EQUAL(ends[2].drains, 1);
  for (int i = 0; i < LINKS; i++) CHECK_EQUAL(ends[i].rx.sleeping, 1);
  sd_pump_wake(&pump); /* nothing to gain */
  CHECK(!pump.awake);
  arrive(&ends[1]);
  CHECK(sd_ring_take_doorbell(&ends[1].rx));
  CHECK(!sd_ring_take_doorbell(&ends[1].rx)); /* rung once */
  sd_pump_bell(&pump, &ends[1].link);
  CHECK_EQUAL(ends[1].drains, 1);
  CHECK(pump.awake);
  for (int i = 0; i < LINKS; i++) CHECK_EQUAL(ends[i].rx.sleeping, 0);
  CHECK_EQUAL(turns_until_asleep(&pump, 10), 1);
  CHECK_EQUAL(ends[1].rx.sleeping, 1);
  CHECK_EQUAL(pump.stats.spins, 0);
  sd_pump_free(&pump);
}

static void with_spinning_it_stays_for_a_while(void) {
  sd_pump pump;
  end ends[1];
  setup(&pump, ends, 1, 100000);
  uint64_t started = now;
  int turns = turns_until_asleep(&pump, 100000);
  CHECK(turns > 5);
  CHECK(now - started > 90000 && now - started < 130000);
  CHECK_EQUAL(pump.stats.spins, 1);
  CHECK_EQUAL(pump.stats.spin_hits, 0);
  for (int i = 0; i < 10; i++) { /* nothing ever comes: it stops trying */
    sd_pump_wake(&pump);
    CHECK_EQUAL(pump.awake, i < 2);
    turns_until_asleep(&pump, 100000);
  }
  sd_pump_free(&pump);
}

/* A doorbell that brings nothing neither makes the loop spin nor teaches it to. */
static void empty_doorbells_cost_little(void) {
  sd_pump pump;
  end ends[1];
  setup(&pump, ends, 1, 100000);
  turns_until_asleep(&pump, 100000);
  uint64_t spins = pump.stats.spins;
  for (int i = 0; i < 1000; i++) {
    sd_pump_bell(&pump, &ends[0].link);
    CHECK_EQUAL(turns_until_asleep(&pump, 10), 1);
  }
  CHECK_EQUAL(pump.stats.spins, spins);
  CHECK_EQUAL(ends[0].drains, 0);
  sd_pump_free(&pump);
}

/* After a lull the peer sleeps as well: neither end looks. What follows at once is a conversation, and both do. */
static void after_a_lull_nobody_looks(void) {
  sd_pump pump;
  end ends[1];
  setup(&pump, ends, 1, 100000);
  turns_until_asleep(&pump, 100000);
  uint64_t spins = pump.stats.spins;

  now += SD_PUMP_LULL_NS; /* the program sends, the answer comes by the doorbell */
  sd_pump_wake(&pump);
  CHECK(!pump.awake);
  CHECK(pump.told);
  CHECK_EQUAL(ends[0].rx.sleeping, 1);
  CHECK_EQUAL(pump.stats.spins, spins);
  now += 60000;
  arrive(&ends[0]);
  CHECK(sd_ring_take_doorbell(&ends[0].rx));
  sd_pump_bell(&pump, &ends[0].link);
  CHECK_EQUAL(ends[0].drains, 1);
  CHECK(!pump.told);
  CHECK(pump.awake); /* the next request may follow */
  turns_until_asleep(&pump, 100000);
  CHECK_EQUAL(pump.stats.spins, spins + 1);

  now += SD_PUMP_LULL_NS; /* somebody else begins: served, and asleep again without a turn of the loop */
  arrive(&ends[0]);
  CHECK(sd_ring_take_doorbell(&ends[0].rx));
  sd_pump_bell(&pump, &ends[0].link);
  CHECK_EQUAL(ends[0].drains, 2);
  CHECK(pump.awake);
  sd_pump_served(&pump);
  CHECK(!pump.awake);
  CHECK_EQUAL(ends[0].rx.sleeping, 1);
  CHECK_EQUAL(pump.stats.spins, spins + 1);

  now += 60000; /* and again, soon: worth looking */
  arrive(&ends[0]);
  CHECK(sd_ring_take_doorbell(&ends[0].rx));
  sd_pump_bell(&pump, &ends[0].link);
  sd_pump_served(&pump);
  CHECK(pump.awake);
  turns_until_asleep(&pump, 100000);
  CHECK_EQUAL(pump.stats.spins, spins + 2);
  sd_pump_wake(&pump);
  CHECK(pump.awake && !pump.told);
  turns_until_asleep(&pump, 100000);

  sd_pump_set_spin(&pump, 100000); /* all that looking in vain has cost it its credit */
  ends[0].works = 2 * SD_PUMP_LULL_NS; /* the program's own time is no lull: the peer waits for it */
  spins = pump.stats.spins;
  for (int found_by_looking = 0; found_by_looking < 2; found_by_looking++) {
    now += 60000;
    arrive(&ends[0]);
    if (pump.awake) sd_pump_turn(&pump);
    else sd_pump_bell(&pump, &ends[0].link);
    sd_pump_served(&pump);
    CHECK(pump.awake);
    sd_pump_turn(&pump);
    CHECK(pump.awake);
    CHECK_EQUAL(pump.stats.spins, ++spins);
  }
  sd_pump_free(&pump);
}

static void one_turn_is_bounded(void) {
  sd_pump pump;
  end ends[2];
  setup(&pump, ends, 2, 100000);
  for (int i = 0; i < 1000; i++) {
    int before = ends[0].drains;
    arrive(&ends[0]);
    ends[0].manner = CONSUME;
    sd_pump_turn(&pump);
    CHECK(ends[0].drains - before <= (int)SD_PUMP_BUDGET);
  }
  sd_pump_free(&pump);
}

static void a_stuck_link_is_given_up(int manner) {
  sd_pump pump;
  end ends[2];
  setup(&pump, ends, 2, 100000);
  ends[0].manner = manner;
  arrive(&ends[0]);
  int turns = 0;
  while (ends[0].stalled == 0 && turns < 1000) {
    int before = ends[0].drains, others = ends[1].drains;
    arrive(&ends[1]); /* the other link is served all the while */
    sd_pump_turn(&pump);
    CHECK(ends[0].drains - before <= 1);
    CHECK_EQUAL(ends[1].drains - others, 1);
    CHECK(pump.awake || ends[0].stalled);
    turns++;
  }
  CHECK_EQUAL(turns, SD_PUMP_STALL_MAX);
  CHECK_EQUAL(ends[0].stalled, 1);
  CHECK(!ends[0].link.attached);
  turns_until_asleep(&pump, 100000);
  CHECK(!pump.awake);
  CHECK_EQUAL(ends[0].stalled, 1);
  sd_pump_free(&pump);
}

static bool yes(void *context) {
  ++*(int *)context;
  return true;
}

/* The loop has callbacks waiting: a turn looks once and lets them run, and the window goes on in the next turns. */
static void does_not_look_while_the_loop_is_pressed(void) {
  sd_pump pump;
  end ends[1];
  int asked = 0, turns[2];
  for (int pressed = 0; pressed < 2; pressed++) {
    setup(&pump, ends, 1, 100000);
    pump.pressed = pressed ? yes : NULL;
    pump.context = &asked;
    turns[pressed] = turns_until_asleep(&pump, 100000);
    CHECK(!pump.awake);
    sd_pump_free(&pump);
  }
  CHECK(asked > 0);
  CHECK(turns[1] > turns[0]); /* the same time in more and shorter turns */
}

/*
 * Two ends that answer each other for ever. In one isolate each answer waits for the next turn; between isolates only while
 * the loop has callbacks waiting, which are to run before what they could not have seen coming.
 */
static void an_answer_is_for_the_next_turn(void) {
  for (int own = 0; own < 2; own++) {
    for (int pressed = 0; pressed < 2; pressed++) {
      sd_pump pump;
      end ends[2];
      int asked = 0;
      setup(&pump, ends, 2, 100000);
      pump.pressed = pressed ? yes : NULL;
      pump.context = &asked;
      ends[0].manner = ends[1].manner = ANSWER;
      ends[0].link.own = ends[1].link.own = own;
      arrive(&ends[0]);
      for (int turn = 1; turn <= 20; turn++) {
        int before = ends[0].drains + ends[1].drains;
        sd_pump_begin(&pump);
        sd_pump_turn(&pump);
        CHECK(pump.awake);
        CHECK_EQUAL(ends[0].drains + ends[1].drains - before, own || pressed ? 1 : (int)SD_PUMP_BUDGET);
      }
      sd_pump_free(&pump);
    }
  }
}

/* What comes between the beginning of the loop's turn and the pump's is for the next one, when callbacks wait. */
static void what_comes_in_mid_turn_waits(void) {
  sd_pump pump;
  end ends[2];
  int asked = 0;
  setup(&pump, ends, 2, 100000);
  pump.pressed = yes;
  pump.context = &asked;
  for (int turn = 1; turn <= 10; turn++) {
    arrive(&ends[0]);
    sd_pump_begin(&pump);
    if (turn % 2 != 0) arrive(&ends[1]);
    sd_pump_turn(&pump);
    CHECK_EQUAL(ends[0].drains, turn);
    CHECK_EQUAL(ends[1].drains, turn / 2);
  }
  sd_pump_begin(&pump);
  arrive(&ends[1]);
  sd_pump_end(&pump, &ends[1].link); /* nor does it get lost when the peer goes */
  pump.pressed = NULL;
  turns_until_asleep(&pump, 100000);
  CHECK_EQUAL(ends[1].drains, 6);
  CHECK_EQUAL(ends[1].ended, 1);
  sd_pump_free(&pump);
}

static bool is_pressing(void *context) {
  (void)context;
  return pressing;
}

/* What comes while the program is called is for the next turn if that leaves the loop something to do, at whatever pass. */
static void what_comes_in_a_call_waits_for_what_the_call_left(void) {
  for (int bell = 0; bell < 2; bell++) {
    sd_pump pump;
    end ends[2];
    setup(&pump, ends, 2, bell ? 0 : 100000);
    pump.pressed = is_pressing;
    pressing = false;
    if (bell) turns_until_asleep(&pump, 10);
    ends[0].manner = ANSWER_AND_PRESS;
    ends[0].other = bell ? &ends[0] : &ends[1];
    ends[1].manner = ANSWER;
    arrive(&ends[bell ? 0 : 1]);
    if (bell) sd_pump_bell(&pump, &ends[0].link);
    else sd_pump_turn(&pump);
    CHECK_EQUAL(ends[0].drains, 1);
    CHECK_EQUAL(ends[1].drains, bell ? 0 : 1);
    CHECK(pump.awake);
    pressing = false;
    ends[0].manner = ends[1].manner = CONSUME;
    sd_pump_begin(&pump);
    sd_pump_turn(&pump);
    CHECK_EQUAL(ends[0].drains, bell ? 2 : 1);
    CHECK_EQUAL(ends[1].drains, bell ? 0 : 2);
    sd_pump_free(&pump);
  }
}

/* A tail behind the head is never due by a fence: the program must see it all the same, or the turn would not end. */
static void a_tail_that_makes_no_sense_is_seen(void) {
  sd_pump pump;
  end ends[2];
  setup(&pump, ends, 2, 100000);
  ends[0].manner = IGNORE;
  sd_ring_publish(&ends[0].rx, (uint32_t)-16);
  for (int turn = 0; turn < (int)SD_PUMP_STALL_MAX; turn++) sd_pump_turn(&pump);
  CHECK_EQUAL(ends[0].drains, (int)SD_PUMP_STALL_MAX);
  CHECK_EQUAL(ends[0].stalled, 1);
  sd_pump_free(&pump);
}

/* Asleep, an isolate that sends to itself is rung, and is served in that turn what was there; not the answer. */
static void a_bell_serves_what_is_there(void) {
  for (int own = 0; own < 2; own++) {
    sd_pump pump;
    end ends[2];
    setup(&pump, ends, 2, 0);
    ends[0].manner = ends[1].manner = ANSWER;
    ends[0].other = &ends[0];
    ends[0].link.own = own;
    turns_until_asleep(&pump, 10);
    arrive(&ends[0]);
    CHECK(sd_ring_take_doorbell(&ends[0].rx));
    sd_pump_bell(&pump, &ends[0].link);
    CHECK_EQUAL(ends[0].drains, own ? 1 : (int)SD_PUMP_BUDGET);
    sd_pump_served(&pump);
    CHECK(pump.awake);
    sd_pump_free(&pump);
  }
}

static void the_end_comes_after_the_data(void) {
  sd_pump pump;
  end ends[2];
  setup(&pump, ends, 2, 0);
  turns_until_asleep(&pump, 10);
  arrive(&ends[0]);
  sd_pump_end(&pump, &ends[0].link);
  sd_pump_end(&pump, &ends[1].link);
  CHECK(pump.awake);
  CHECK(ends[0].ended == 0 && ends[1].ended == 0);
  CHECK(turns_until_asleep(&pump, 10) <= 2);
  CHECK(ends[0].ended == 1 && ends[1].ended == 1);
  CHECK_EQUAL(ends[0].drains, 1);
  CHECK_EQUAL(ends[1].drains, 0);
  CHECK_EQUAL(pump.count, 0);
  sd_pump_free(&pump);
  /* A "dead" peer that goes on writing is not listened to for ever. */
  setup(&pump, ends, 1, 0);
  ends[0].manner = LIE;
  arrive(&ends[0]);
  sd_pump_end(&pump, &ends[0].link);
  CHECK(turns_until_asleep(&pump, 100) <= (int)SD_PUMP_STALL_MAX + 1);
  CHECK(ends[0].ended == 1 && ends[0].stalled == 0);
  sd_pump_free(&pump);
  /* A program that had something else to do first, just before the end came, still gets what was sent. */
  for (int by_bell = 0; by_bell < 2; by_bell++) {
    setup(&pump, ends, 1, 0);
    turns_until_asleep(&pump, 10);
    ends[0].manner = LATER;
    arrive(&ends[0]);
    if (by_bell) sd_pump_bell(&pump, &ends[0].link);
    sd_pump_end(&pump, &ends[0].link);
    turns_until_asleep(&pump, 10);
    CHECK_EQUAL(ends[0].drains, 2);
    CHECK_EQUAL(ends[0].state[SD_STATE_RX_HEAD], sd_ring_tail(&ends[0].rx));
    CHECK(ends[0].ended == 1 && ends[0].stalled == 0);
    sd_pump_free(&pump);
  }
}

static void links_may_go_while_draining(void) {
  for (int manner = REMOVE_SELF; manner <= REMOVE_OTHER; manner++) {
    for (int which = 0; which < LINKS; which++) {
      sd_pump pump;
      end ends[LINKS];
      setup(&pump, ends, LINKS, 0);
      ends[which].manner = manner;
      for (int i = 0; i < LINKS; i++) arrive(&ends[i]);
      turns_until_asleep(&pump, 10);
      CHECK(!pump.awake);
      CHECK_EQUAL(pump.count, LINKS - 1);
      int drained = 0;
      for (int i = 0; i < LINKS; i++) {
        CHECK(ends[i].drains == 1 || !ends[i].link.attached);
        drained += ends[i].drains;
      }
      CHECK(drained >= LINKS - 1);
      sd_pump_free(&pump);
    }
  }
}

static bool undisturbed;
static bool is_undisturbed(void *context) {
  (void)context;
  return undisturbed;
}

/* Every shared word takes random values all the time; the pump must come to an end each turn, and stay whole. */
static void anything(void) {
  sd_pump pump;
  end ends[LINKS];
  uint32_t seed = 4711;
  setup(&pump, ends, LINKS, 20000);
  pump.undisturbed = is_undisturbed;
  uint64_t started = now, polled = 0;
  for (int round = 0; round < 50000; round++) {
    undisturbed = test_random(&seed) & 1;
    end *victim = &ends[test_random(&seed) % LINKS];
    _Atomic uint32_t *words[] = {&victim->rx.tail, &victim->rx.head, &victim->rx.sleeping, &victim->rx.waiting,
                                 &victim->tx.tail, &victim->tx.head, &victim->tx.sleeping, &victim->tx.waiting};
    atomic_store(words[test_random(&seed) % 8], test_random(&seed));
    victim->manner = test_random(&seed) % 3;
    victim->state[SD_STATE_TX_WAITING] = test_random(&seed) & 1;
    victim->link.own = test_random(&seed) & 1;
    switch (test_random(&seed) % 10) {
      case 0: sd_pump_bell(&pump, &victim->link); break;
      case 1: sd_pump_wake(&pump); break;
      case 2: sd_pump_remove(&pump, &victim->link); break;
      case 3: sd_pump_end(&pump, &victim->link); break;
      case 4: sd_pump_served(&pump); break;
      case 6: sd_pump_begin(&pump); break;
      case 5:
        if (!victim->link.attached) CHECK_EQUAL(sd_pump_add(&pump, &victim->link), 0);
        break;
      default: sd_pump_turn(&pump);
    }
    CHECK(pump.count <= LINKS);
    CHECK(pump.stats.polled >= polled && pump.stats.polled <= now - started);
    polled = pump.stats.polled;
    for (size_t i = 0; i < pump.count; i++) CHECK(pump.links[i]->index == i && pump.links[i]->attached);
  }
  sd_pump_free(&pump);
}

void test_pump(void) {
  without_spinning_it_sleeps_at_once();
  with_spinning_it_stays_for_a_while();
  empty_doorbells_cost_little();
  after_a_lull_nobody_looks();
  one_turn_is_bounded();
  a_stuck_link_is_given_up(IGNORE);
  a_stuck_link_is_given_up(LIE);
  does_not_look_while_the_loop_is_pressed();
  an_answer_is_for_the_next_turn();
  what_comes_in_mid_turn_waits();
  what_comes_in_a_call_waits_for_what_the_call_left();
  a_tail_that_makes_no_sense_is_seen();
  a_bell_serves_what_is_there();
  the_end_comes_after_the_data();
  links_may_go_while_draining();
  anything();
}
