/*
 * Two threads, each with a pump of its own, a ring each way, a socket pair for doorbells, and a "loop" that blocks in
 * poll(2) exactly when its pump says it may. Both send and receive numbered words; few may be on the way, and the ring
 * is tiny, so that both sleep often, for data and for space. A lost wake-up leaves both asleep: poll times out.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../core/control.h"
#include "../core/pump.h"
#include "test.h"

#define WORDS 16u /* a ring's */
#define LOST_MS 10000

#if defined(SD_TSAN)
#define MESSAGES 20000u
#else
#define MESSAGES 60000u
#endif

typedef struct shared {
  sd_direction direction[2];
  uint32_t ring[2][WORDS]; /* plain memory: TSan sees whether PUBLISH and SPACE order it */
} shared;

typedef struct side {
  sd_pump pump;
  sd_pump_link link;
  uint32_t state[SD_STATE_WORDS];
  uint32_t *tx_ring, *rx_ring;
  int fd;
  uint32_t sent, received, window, seed, spin;
  bool varied; /* the window changes now and then */
  uint64_t bells;
} side;

static uint64_t clock_real(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void ring_bell(side *self) { self->bells += (uint64_t)sd_control_bell(self->fd); }

/* What TypeScript does when the program writes. */
static void produce(side *self) {
  sd_direction *tx = self->link.tx;
  uint32_t head = atomic_load_explicit(&tx->head, memory_order_acquire), before = self->sent;
  self->state[SD_STATE_TX_WAITING] = 0;
  while (self->sent < MESSAGES && (int32_t)(self->sent - self->received) < (int32_t)self->window) {
    if (self->sent - head == WORDS) {
      uint32_t wanted = head + 1 + test_random(&self->seed) % WORDS; /* at most what was sent: it can be reached */
      self->state[SD_STATE_TX_WANTED] = wanted;
      self->state[SD_STATE_TX_WAITING] = 1;
      sd_ring_set_waiting(tx, wanted);
      head = atomic_load_explicit(&tx->head, memory_order_acquire);
      if ((int32_t)(head - wanted) < 0) break;
      self->state[SD_STATE_TX_WAITING] = 0;
    }
    self->tx_ring[self->sent % WORDS] = self->sent * 2654435761u;
    self->sent++;
  }
  if (self->sent == before) return;
  sd_ring_publish(tx, self->sent);
  if (sd_ring_take_doorbell(tx)) ring_bell(self);
  if (!self->pump.awake) sd_pump_wake(&self->pump);
}

static void on_event(void *owner, sd_pump_event event) {
  side *self = owner;
  CHECK_EQUAL(event, SD_PUMP_DRAIN);
  uint32_t tail = sd_ring_tail(self->link.rx), some = tail - self->received;
  CHECK(some <= WORDS);
  if (some > 1 && test_random(&self->seed) % 4 == 0) some = 1; /* not always all of it */
  for (; some > 0; some--) {
    CHECK(self->rx_ring[self->received % WORDS] == self->received * 2654435761u);
    self->received++;
  }
  self->state[SD_STATE_RX_HEAD] = self->received;
  sd_ring_consume(self->link.rx, self->received);
  if (sd_ring_take_space_doorbell(self->link.rx, self->link.tx)) ring_bell(self);
  if (self->varied && test_random(&self->seed) % 8 == 0) self->window = 1 + test_random(&self->seed) % (2 * WORDS);
  produce(self);
}

static void *run(void *argument) {
  side *self = argument;
  uint8_t packet[8];
  int passed;
  sd_pump_init(&self->pump, on_event, clock_real, self->spin);
  CHECK_EQUAL(sd_pump_add(&self->pump, &self->link), 0);
  produce(self);
  while (self->sent < MESSAGES || self->received < MESSAGES) {
    struct pollfd ready = {.fd = self->fd, .events = POLLIN};
    int result = poll(&ready, 1, self->pump.awake ? 0 : LOST_MS);
    if (result == 0 && !self->pump.awake) {
      fprintf(stderr, "a wake-up was lost: sent %u received %u, ring holds %u\n", self->sent, self->received,
              sd_ring_tail(self->link.rx) - self->received);
      exit(1);
    }
    if (result > 0) {
      sd_pump_bell(&self->pump, &self->link);
      while (sd_control_receive(self->fd, packet, sizeof packet, &passed) == 1) continue;
      sd_pump_served(&self->pump);
    }
    produce(self); /* the program may write at any time, not only when it was just given something */
    sd_pump_turn(&self->pump);
  }
  sd_pump_free(&self->pump);
  return NULL;
}

static void torture(uint32_t spin_a, uint32_t spin_b, uint32_t window) {
  shared *memory = aligned_alloc(SD_LAYOUT_LINE, sizeof *memory);
  side sides[2];
  pthread_t threads[2];
  int ends[2];
  memset(memory, 0, sizeof *memory);
  memset(sides, 0, sizeof sides);
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  for (unsigned i = 0; i < 2; i++) {
    sides[i].fd = ends[i];
    sides[i].seed = 77 + i + window;
    sides[i].window = window;
    sides[i].varied = window != 1;
    sides[i].spin = i == 0 ? spin_a : spin_b;
    sides[i].tx_ring = memory->ring[i];
    sides[i].rx_ring = memory->ring[1 - i];
    sides[i].link = (sd_pump_link){
        .rx = &memory->direction[1 - i], .tx = &memory->direction[i], .state = sides[i].state, .owner = &sides[i]};
  }
  for (int i = 0; i < 2; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, run, &sides[i]), 0);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  printf("     spin %u/%u us: %llu and %llu sleeps, %llu and %llu doorbells\n", spin_a / 1000, spin_b / 1000,
         (unsigned long long)sides[0].pump.stats.sleeps, (unsigned long long)sides[1].pump.stats.sleeps,
         (unsigned long long)sides[0].bells, (unsigned long long)sides[1].bells);
  close(ends[0]);
  close(ends[1]);
  free(memory);
}

void test_sleep(void) {
  torture(0, 0, 1);
  torture(0, 200000, 1); /* the answer comes just when the other falls asleep */
  torture(0, 0, 2 * WORDS);
  torture(0, 20000, 4);
  torture(50000, 50000, WORDS);
}
