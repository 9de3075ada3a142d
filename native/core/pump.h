/*
 * The pump: when an isolate's event loop looks at its links, calls for draining, spins, and sleeps (DESIGN D3, D6).
 * Knows neither Node nor libuv: its owner
 *   - calls sd_pump_begin and then sd_pump_turn once in every turn of the loop while `awake`, before the loop polls and after
 *     it, and lets the loop block only when it is not;
 *   - calls sd_pump_bell when a link's control connection became readable;
 *   - gives a clock (monotonic nanoseconds) and a `drain` that has the owner's program consume one run of messages.
 * `drain` may add and remove links, also the one it is called for.
 *
 * As with a kernel's sockets, the loop's own callbacks (setImmediate) come between what a program sends and the answer: of what
 * was not there yet when the loop's turn began, nothing is drained in it while such callbacks wait. What an isolate sends to
 * itself is always for the next turn, since not all callbacks can be seen to wait.
 *
 * How long it looked in vain is counted (stats.polled), for the loop's metrics, which take a loop that does not block for a
 * busy one. A turn's own part is known here. What went by between two turns counts only if the owner says, by `undisturbed`,
 * that the loop had nothing else to do meanwhile. No clock is read for it that would not be read anyway.
 * Where such gaps are long, one after the other, another thread has the core, and the looking ends (spin.h).
 *
 *            bell, add, wake if looking pays        window over, flags set, fence, looked again: nothing
 *   ASLEEP ------------------------> AWAKE (own sleeping flags 0) ------------> ASLEEP (own sleeping flags 1)
 *
 * A peer may write anything into the shared words at any time. The pump only compares them with private numbers, so
 * the worst it can be told is that there is work when there is none: then `drain` makes no progress, and after
 * SD_PUMP_STALL_MAX such calls, at most one per turn, the link is reported as failed. Progress is what the program's side says
 * of itself, whatever it was called for: consumed (SD_STATE_RX_HEAD), or sent or told the program (SD_STATE_PROGRESS counts).
 */
#ifndef SD_PUMP_H
#define SD_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring.h"
#include "spin.h"

#define SD_PUMP_BUDGET 64u        /* drain calls in one turn */
#define SD_PUMP_STALL_MAX 64u     /* calls without progress, one per turn, before a link is given up */
#define SD_PUMP_INLINE_NS 5000u   /* looking inside one turn, so that most looks need no system call */
#define SD_PUMP_BUSY_TURN_NS 30000u /* a turn in which others worked that long is not the time to look inline */
#define SD_PUMP_LOST_CORE_NS 500000u /* between two turns with nothing to do: another had the core, for a slice of time */
#define SD_PUMP_LOST_CORE_TIMES 2u   /* so often in a row, and it is another thread */
#define SD_PUMP_LULL_NS 500000u     /* nothing to do for so long: the peers sleep as well, and looking finds no answer in time */

/* The private words that the consumer's side keeps for a link; TypeScript writes them, the pump reads. */
enum { SD_STATE_RX_HEAD = 0, SD_STATE_TX_WAITING = 1, SD_STATE_TX_WANTED = 2, SD_STATE_PROGRESS = 3, SD_STATE_WORDS = 16 };

typedef struct sd_pump_link {
  sd_direction *rx;
  sd_direction *tx;
  const uint32_t *state;
  void *owner;
  size_t index;         /* place in the pump's list, while attached */
  uint32_t stall;       /* calls without progress so far */
  uint32_t stall_turn;  /* the turn in which it last made none: not called again in that turn */
  uint32_t final_tail;  /* with `ending`: where rx ends */
  uint32_t fence_tail;  /* while `fenced`: up to where rx is due */
  bool own;             /* the peer is this very isolate; set by the caller */
  bool fenced;          /* what has come since is for the next turn */
  bool space_due;       /* while `fenced`: the space that we wait for was there already */
  bool attached;
  bool ending;
} sd_pump_link;

typedef struct sd_pump_stats {
  uint64_t turns, drains, bells, bells_sent, spins, spin_hits, sleeps;
  uint64_t polled; /* nanoseconds awake with nothing to do */
} sd_pump_stats;

typedef enum sd_pump_event { SD_PUMP_DRAIN, SD_PUMP_STALLED, SD_PUMP_ENDED } sd_pump_event;

/* What went before a quiet period. */
typedef enum sd_pump_quiet { SD_PUMP_AFTER_DRAIN, SD_PUMP_AFTER_SEND } sd_pump_quiet;

typedef struct sd_pump {
  void (*on_event)(void *owner, sd_pump_event event);
  uint64_t (*clock)(void);
  bool (*pressed)(void *context); /* the loop has something else to do at once: no looking inside a turn. NULL: never */
  bool (*undisturbed)(void *context); /* since the last turn the loop has done nothing. NULL: never so */
  void *context;
  sd_pump_link **links;
  size_t count, capacity, next;
  sd_spin spin[2];       /* by sd_pump_quiet: they are different questions, so each learns for itself */
  uint32_t max_spin;     /* nanoseconds; 0 = never spin */
  uint32_t inline_ns;
  uint32_t window;       /* of this quiet period; valid while `looked` */
  uint32_t turn;
  sd_pump_quiet quiet;
  uint64_t quiet_since;  /* when the rings were last seen empty, or the program last woke us to send */
  uint64_t last_turn;    /* when the last turn ended */
  uint64_t vain_since;   /* awake, and nothing done from then on; 0: not so */
  uint32_t lost;         /* how many such gaps in a row were as long as SD_PUMP_LOST_CORE_NS */
  bool awake;            /* own sleeping flags are 0, the loop must not block */
  bool looked;           /* this quiet period has begun: work that is found now was found by looking */
  bool fresh;            /* quiet_since is new: nothing has been looked for since */
  bool lull;             /* asleep and with nothing to do for SD_PUMP_LULL_NS before this came */
  bool told;             /* asleep, and stays so: no use in calling sd_pump_wake again before the next event */
  bool running;
  bool rang;             /* a peer had to be woken since the last drain */
  bool failed;           /* looking was in vain since the last drain */
  sd_pump_stats stats;
} sd_pump;

void sd_pump_init(sd_pump *pump, void (*on_event)(void *, sd_pump_event), uint64_t (*clock)(void), uint32_t max_spin_ns);
void sd_pump_free(sd_pump *pump);
void sd_pump_set_spin(sd_pump *pump, uint32_t max_spin_ns);

/* 0 or -ENOMEM. The pump is awake afterwards. link->rx, tx, state, owner are set by the caller. */
int sd_pump_add(sd_pump *pump, sd_pump_link *link);
void sd_pump_remove(sd_pump *pump, sd_pump_link *link);

/* The peer is gone: report SD_PUMP_ENDED once what it had published by now is consumed. */
void sd_pump_end(sd_pump *pump, sd_pump_link *link);

/* A doorbell was rung: a peer slept. */
void sd_pump_rang(sd_pump *pump);

/* The program sent something: look for the answer, if that promises anything. */
void sd_pump_wake(sd_pump *pump);

/* The link's control connection is readable: serve its rings at once. */
void sd_pump_bell(sd_pump *pump, sd_pump_link *link);

/*
 * What sd_pump_bell was called for has been received: after a lull the pump falls asleep without another turn of the
 * loop. Not before: a doorbell that is rung once it sleeps must not be taken for the one that woke it.
 */
void sd_pump_served(sd_pump *pump);

/* A turn of the loop begins, the program has not been called in it: what is there now is due. */
void sd_pump_begin(sd_pump *pump);

/* One turn of the event loop: drain, look, perhaps fall asleep. Nothing to do if not awake. */
void sd_pump_turn(sd_pump *pump);

#endif
