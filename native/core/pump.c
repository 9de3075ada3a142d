#include "pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS_PER_CLOCK 8

void sd_pump_init(sd_pump *pump, void (*on_event)(void *, sd_pump_event), uint64_t (*clock)(void), uint32_t max_spin_ns) {
  memset(pump, 0, sizeof *pump);
  pump->on_event = on_event;
  pump->clock = clock;
  pump->inline_ns = SD_PUMP_INLINE_NS;
  pump->turn = 1; /* 0 in a link means: never stalled */
  sd_pump_set_spin(pump, max_spin_ns);
}

void sd_pump_free(sd_pump *pump) {
  free(pump->links);
  pump->links = NULL;
  pump->count = pump->capacity = 0;
}

void sd_pump_set_spin(sd_pump *pump, uint32_t max_spin_ns) {
  for (int i = 0; i < 2; i++) sd_spin_init(&pump->spin[i], max_spin_ns);
  pump->max_spin = pump->spin[0].max;
  pump->looked = false;
}

/* Everything below may be told lies by the peer: the answer decides only whether `drain` is called. */
static bool has_space(const sd_pump_link *link) {
  return link->state[SD_STATE_TX_WAITING] != 0 && sd_ring_has_space(link->tx, link->state[SD_STATE_TX_WANTED]);
}

static bool has_work(const sd_pump_link *link) {
  return sd_ring_has_work(link->rx, link->state[SD_STATE_RX_HEAD]) || has_space(link);
}

/* What is there now is due; what comes from now on is not, until the fence is moved or lifted. */
static void move_fence(sd_pump_link *link) {
  link->fence_tail = sd_ring_tail(link->rx);
  link->space_due = has_space(link);
  link->fenced = true;
}

static bool is_due(const sd_pump_link *link) {
  return !link->fenced || link->space_due || (int32_t)(link->fence_tail - link->state[SD_STATE_RX_HEAD]) > 0;
}

/* After the end only what was published by then counts; a peer that lives on and writes on is not listened to. */
static bool is_finished(const sd_pump_link *link) {
  return (int32_t)(link->state[SD_STATE_RX_HEAD] - link->final_tail) >= 0;
}

/*
 * The rings were emptied, or the program sent: from now on an answer may come. Not soon, if all was quiet for long: the
 * peer sleeps, and is woken on the very core that it was rung from as a rule. Whoever looks there keeps it from answering.
 */
static void begin_quiet(sd_pump *pump, sd_pump_quiet quiet, bool lull) {
  pump->quiet = quiet;
  pump->lull = lull;
  pump->quiet_since = pump->clock();
  pump->fresh = true;
  pump->looked = false;
  if (quiet == SD_PUMP_AFTER_DRAIN) pump->rang = pump->failed = false;
}

/* Awake with nothing to do: until now that was polling. */
static void count_polled(sd_pump *pump, uint64_t until) {
  if (pump->vain_since != 0 && until > pump->vain_since) pump->stats.polled += until - pump->vain_since;
  pump->vain_since = 0;
}

static void become_awake(sd_pump *pump) {
  pump->told = false;
  if (pump->awake) return;
  pump->awake = true;
  pump->vain_since = 0; /* it slept */
  for (size_t i = 0; i < pump->count; i++) sd_ring_clear_sleeping(pump->links[i]->rx);
}

/* true: there was nothing, the peers have been told to ring, the loop may block. */
static bool fall_asleep(sd_pump *pump) {
  for (size_t i = 0; i < pump->count; i++) {
    sd_pump_link *link = pump->links[i];
    sd_ring_set_sleeping(link->rx); /* SYNC POINT SLEEP */
    /* Again: a consumer that had seen an earlier wait may have cleared this one, while we were awake, without a ring. */
    if (link->state[SD_STATE_TX_WAITING] != 0) sd_ring_mark_waiting(link->tx, link->state[SD_STATE_TX_WANTED]);
  }
  sd_ring_fence(); /* SYNC POINT DEKKER */
  bool found = false;
  for (size_t i = 0; i < pump->count && !found; i++) found = has_work(pump->links[i]) || pump->links[i]->ending;
  if (found) {
    for (size_t i = 0; i < pump->count; i++) sd_ring_clear_sleeping(pump->links[i]->rx);
    return false;
  }
  pump->awake = pump->looked = false;
  pump->stats.sleeps++;
  return true;
}

int sd_pump_add(sd_pump *pump, sd_pump_link *link) {
  if (pump->count == pump->capacity) {
    size_t capacity = pump->capacity == 0 ? 8 : pump->capacity * 2;
    sd_pump_link **grown = realloc(pump->links, capacity * sizeof *grown);
    if (grown == NULL) return -ENOMEM;
    pump->links = grown;
    pump->capacity = capacity;
  }
  link->index = pump->count;
  link->stall = link->stall_turn = 0;
  link->attached = true;
  link->ending = false;
  move_fence(link);
  pump->links[pump->count++] = link;
  become_awake(pump);
  sd_ring_clear_sleeping(link->rx);
  begin_quiet(pump, SD_PUMP_AFTER_DRAIN, false);
  return 0;
}

void sd_pump_remove(sd_pump *pump, sd_pump_link *link) {
  if (!link->attached) return;
  link->attached = false;
  sd_pump_link *last = pump->links[--pump->count];
  pump->links[link->index] = last;
  last->index = link->index;
}

void sd_pump_end(sd_pump *pump, sd_pump_link *link) {
  if (!link->attached || link->ending) return;
  link->ending = true;
  link->final_tail = sd_ring_tail(link->rx);
  become_awake(pump);
}

void sd_pump_rang(sd_pump *pump) {
  pump->rang = true;
  pump->stats.bells_sent++;
}

/* This quiet period's window: for how long to look. */
static void begin_looking(sd_pump *pump) {
  /* Not fresh: a doorbell that brought nothing. It must neither make us spin nor teach the policy anything. */
  pump->window = pump->fresh && !pump->lull ? sd_spin_begin(&pump->spin[pump->quiet]) : 0;
  pump->looked = true;
  pump->fresh = false;
  if (pump->window != 0) pump->stats.spins++;
}

void sd_pump_wake(sd_pump *pump) {
  if (pump->awake || pump->max_spin == 0) return;
  begin_quiet(pump, SD_PUMP_AFTER_SEND, pump->clock() - pump->quiet_since > SD_PUMP_LULL_NS);
  begin_looking(pump);
  if (pump->window != 0) become_awake(pump);
  else pump->told = true;
}

/* One call of the program's drain. false: no progress, or the link is gone. */
static bool drain_once(sd_pump *pump, sd_pump_link *link) {
  uint32_t head = link->state[SD_STATE_RX_HEAD], progress = link->state[SD_STATE_PROGRESS];
  link->space_due = false;
  pump->stats.drains++;
  pump->on_event(link->owner, SD_PUMP_DRAIN);
  if (!link->attached) return false;
  if (link->state[SD_STATE_RX_HEAD] != head || link->state[SD_STATE_PROGRESS] != progress) {
    link->stall = 0;
    return true;
  }
  link->stall_turn = pump->turn;
  if (++link->stall >= SD_PUMP_STALL_MAX) {
    sd_pump_remove(pump, link);
    pump->on_event(link->owner, link->ending ? SD_PUMP_ENDED : SD_PUMP_STALLED);
  }
  return false;
}

static bool could_drain(const sd_pump *pump, const sd_pump_link *link) {
  return link->stall_turn != pump->turn && has_work(link) && !(link->ending && is_finished(link));
}

static bool wants_drain(const sd_pump *pump, const sd_pump_link *link) {
  return is_due(link) && could_drain(pump, link);
}

/*
 * Nothing more is to be had of an ending link. One whose last call made no progress is asked again in the next turn, as ever:
 * its program may have had something else to do first. If it never goes on, what is left can never be consumed.
 */
static bool may_end(const sd_pump *pump, const sd_pump_link *link) {
  return link->ending && (is_finished(link) || link->stall_turn != pump->turn) && !could_drain(pump, link);
}

static void report_end(sd_pump *pump, sd_pump_link *link) {
  sd_pump_remove(pump, link);
  pump->on_event(link->owner, SD_PUMP_ENDED);
}

/* Every ready link once, starting where the last pass ended, so that none is served first all the time. */
static unsigned drain_pass(sd_pump *pump, unsigned budget) {
  unsigned calls = 0;
  for (size_t left = pump->count; left > 0 && calls < budget; left--) {
    if (pump->count == 0) break;
    if (pump->next >= pump->count) pump->next = 0;
    sd_pump_link *link = pump->links[pump->next++];
    if (wants_drain(pump, link)) {
      calls++;
      drain_once(pump, link);
    } else if (may_end(pump, link)) {
      report_end(pump, link);
    }
  }
  return calls;
}

static bool any_work(const sd_pump *pump) {
  for (size_t i = 0; i < pump->count; i++)
    if (wants_drain(pump, pump->links[i]) || may_end(pump, pump->links[i])) return true;
  return false;
}

static bool is_pressed(const sd_pump *pump) { return pump->pressed != NULL && pump->pressed(pump->context); }

static bool is_undisturbed(const sd_pump *pump) {
  return pump->undisturbed != NULL && pump->undisturbed(pump->context);
}

/* Whether there is work for the next turn. */
static bool any_fenced(const sd_pump *pump) {
  for (size_t i = 0; i < pump->count; i++)
    if (!is_due(pump->links[i]) && could_drain(pump, pump->links[i])) return true;
  return false;
}

static void lift_fences(sd_pump *pump) {
  for (size_t i = 0; i < pump->count; i++)
    if (!pump->links[i]->own) pump->links[i]->fenced = false;
}

/*
 * What comes while the program is called may be the answer to what it does there, and the program is told of that (its FIN is
 * out) only in the loop's next phase. So this pass takes what is there now; the next one begins if the loop is not pressed.
 */
static void raise_fences(sd_pump *pump) {
  for (size_t i = 0; i < pump->count; i++) {
    sd_pump_link *link = pump->links[i];
    if (link->fenced) continue;
    move_fence(link);
    if (!is_due(link) && has_work(link)) link->fenced = false; /* a tail that makes no sense: the program is to see it */
  }
}

/* Links that are stalled in this turn keep the loop awake for the next, but are no reason to look again in this. */
static bool any_stalled(const sd_pump *pump) {
  for (size_t i = 0; i < pump->count; i++)
    if (pump->links[i]->stall_turn == pump->turn) return true;
  return false;
}

/* Looks until something turns up (true) or `until`; *now is the time of the last look at the clock. */
static bool look(const sd_pump *pump, uint64_t until, uint64_t *now) {
  for (;;) {
    for (unsigned i = 0; i < LOOKS_PER_CLOCK; i++) {
      if (any_work(pump)) return true;
      sd_ring_pause();
    }
    *now = pump->clock();
    if (*now >= until) return false;
  }
}

static void note_found(sd_pump *pump, uint64_t now) {
  if (!pump->looked) return;
  pump->looked = false;
  if (pump->window == 0) return;
  pump->stats.spin_hits++;
  sd_spin_paid(&pump->spin[pump->quiet], now - pump->quiet_since);
}

/*
 * Our loop did nothing for so long: it was off its core. Once, that may be the host's doing, which looking has nothing to do
 * with; but one time after the other another thread wants the core. What is found now was not found by looking.
 */
static void note_gap(sd_pump *pump, uint64_t ns) {
  if (ns <= SD_PUMP_LOST_CORE_NS) pump->lost = 0;
  else pump->lost++;
  if (pump->lost < SD_PUMP_LOST_CORE_TIMES) return;
  for (int i = 0; i < 2; i++) sd_spin_crowded(&pump->spin[i]);
  pump->window = 0;
}

/* Nothing to drain. true: work turned up within this turn. Else either awake for another turn, or asleep. */
static bool rest(sd_pump *pump, bool inline_allowed) {
  uint64_t now = pump->clock();
  if (!pump->looked) begin_looking(pump);
  uint64_t deadline = pump->quiet_since + pump->window;
  if (now < deadline && inline_allowed && pump->inline_ns != 0 && !is_pressed(pump)) {
    uint64_t until = now + pump->inline_ns;
    if (look(pump, until < deadline ? until : deadline, &now)) {
      now = pump->clock();
      count_polled(pump, now);
      note_found(pump, now);
      return true;
    }
  }
  if (now < deadline || any_stalled(pump)) return false;
  if (pump->window != 0) {
    sd_spin_failed(&pump->spin[pump->quiet], pump->rang);
    pump->failed = true;
  }
  return !fall_asleep(pump);
}

void sd_pump_begin(sd_pump *pump) {
  for (size_t i = 0; i < pump->count; i++) move_fence(pump->links[i]);
}

void sd_pump_turn(sd_pump *pump) {
  if (!pump->awake || pump->running) return;
  pump->running = true;
  pump->stats.turns++;
  uint64_t started = pump->clock();
  bool inline_allowed = started - pump->last_turn < SD_PUMP_BUSY_TURN_NS;
  if (pump->vain_since == 0 || !is_undisturbed(pump)) pump->vain_since = started;
  else note_gap(pump, started - pump->last_turn);
  unsigned budget = SD_PUMP_BUDGET;
  do {
    if (any_work(pump)) {
      count_polled(pump, started);
      if (pump->looked) note_found(pump, pump->clock());
      raise_fences(pump);
      unsigned calls = drain_pass(pump, budget);
      budget -= calls;
      if (calls != 0) {
        begin_quiet(pump, SD_PUMP_AFTER_DRAIN, false);
        pump->vain_since = pump->quiet_since;
      }
      continue;
    }
    if (!is_pressed(pump)) lift_fences(pump);
    if (any_work(pump)) continue;
    if (any_fenced(pump) || !rest(pump, inline_allowed)) break;
  } while (budget != 0);
  sd_pump_begin(pump); /* if it is woken in mid-turn, the next call comes without a beginning */
  if (++pump->turn == 0) pump->turn = 1;
  pump->last_turn = pump->clock();
  count_polled(pump, pump->last_turn);
  if (pump->awake) pump->vain_since = pump->last_turn;
  pump->running = false;
}

void sd_pump_bell(sd_pump *pump, sd_pump_link *link) {
  if (pump->running) return;
  bool slept = !pump->awake;
  become_awake(pump);
  if (!link->attached) return;
  if (slept || !link->own) move_fence(link);
  if (!wants_drain(pump, link)) return;
  uint64_t now = pump->clock();
  /* As of now: how long the program takes for what has come says nothing about the peer, which waits for it awake. */
  bool lull = slept && now - pump->quiet_since > SD_PUMP_LULL_NS;
  if (!slept) note_found(pump, now);
  else if (!pump->failed) sd_spin_woken(&pump->spin[pump->quiet], now - pump->quiet_since, pump->rang);
  pump->running = true;
  for (unsigned budget = SD_PUMP_BUDGET; budget != 0 && link->attached; budget--) {
    if (!link->own && !is_due(link) && !is_pressed(pump)) move_fence(link);
    if (!wants_drain(pump, link) || !drain_once(pump, link)) break;
  }
  begin_quiet(pump, SD_PUMP_AFTER_DRAIN, lull);
  pump->running = false;
}

void sd_pump_served(sd_pump *pump) {
  if (!pump->awake || pump->running || !pump->lull || any_work(pump) || any_fenced(pump)) return;
  rest(pump, false);
}
