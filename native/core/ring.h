/*
 * The few accesses to a direction's control lines that decide whether somebody sleeps (DESIGN D6).
 *
 * Every SYNC POINT label stands at two places that pair up; native/model/sleep.pml uses the same labels and
 * docs/design/sleep-doorbell.md explains why the pairs suffice. TypeScript plays the producer with Atomics, which are
 * sequentially consistent and so at least as strong as what is written here.
 *
 *   producer                                   consumer
 *   --------                                   --------
 *   write the record                           sleeping = 1                       (SLEEP)
 *   tail = new          release  (PUBLISH)     fence                              (DEKKER)
 *   fence                        (DEKKER)      tail == consumed ? sleep : go on   (PUBLISH, acquire)
 *   sleeping ? exchange 0, ring  (SLEEP)
 *
 *   The same with the roles swapped for space: the consumer stores head (SPACE), fences, and takes `waiting` and, if it
 *   was set, the other direction's `sleeping`; the producer stores both, fences, and reads head once more. Both, each
 *   time it falls asleep: a wait that it had announced while awake may have been taken for an earlier one.
 */
#ifndef SD_RING_H
#define SD_RING_H

#include <stdbool.h>

#include "layout.h"

#if defined(__SANITIZE_THREAD__)
#define SD_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SD_TSAN 1
#endif
#endif

/* SYNC POINT DEKKER: neither side's store may pass its own later load of the other side's word. */
static inline void sd_ring_fence(void) {
#if defined(SD_TSAN) && defined(__x86_64__)
  __asm__ volatile("mfence" ::: "memory"); /* TSan does not know fences; the data itself is ordered by PUBLISH/SPACE */
#elif defined(SD_TSAN) && defined(__aarch64__)
  __asm__ volatile("dmb ish" ::: "memory");
#else
  atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* Consumer. SYNC POINT PUBLISH (acquire): what the producer wrote before the tail store is visible afterwards. */
static inline bool sd_ring_has_work(sd_direction *rx, uint32_t consumed) {
  return atomic_load_explicit(&rx->tail, memory_order_acquire) != consumed;
}

/* Consumer. SYNC POINT PUBLISH (acquire), as a value. */
static inline uint32_t sd_ring_tail(sd_direction *rx) { return atomic_load_explicit(&rx->tail, memory_order_acquire); }

/*
 * Producer that waits for space: has the head come to `wanted`, which is more than one record away, so that producer
 * and consumer do not change turns at every record? SYNC POINT SPACE (acquire): the consumer is done with what it gave
 * back.
 */
static inline bool sd_ring_has_space(sd_direction *tx, uint32_t wanted) {
  return (int32_t)(atomic_load_explicit(&tx->head, memory_order_acquire) - wanted) >= 0;
}

/* Consumer. SYNC POINT SLEEP; a SYNC POINT DEKKER fence and one more look at every ring must follow. */
static inline void sd_ring_set_sleeping(sd_direction *rx) {
  atomic_store_explicit(&rx->sleeping, 1, memory_order_relaxed);
}

/* Consumer, awake again. A producer that still sees 1 rings once for nothing: harmless. */
static inline void sd_ring_clear_sleeping(sd_direction *rx) {
  atomic_store_explicit(&rx->sleeping, 0, memory_order_relaxed);
}

/* Producer. SYNC POINT PUBLISH (release): the one store that makes records visible. */
static inline void sd_ring_publish(sd_direction *tx, uint32_t tail) {
  atomic_store_explicit(&tx->tail, tail, memory_order_release);
}

/* Consumer. SYNC POINT SPACE (release): gives bytes back. */
static inline void sd_ring_consume(sd_direction *rx, uint32_t head) {
  atomic_store_explicit(&rx->head, head, memory_order_release);
}

/* Producer, after publish. SYNC POINT SLEEP: true = this caller, and nobody else, rings. Fences itself (DEKKER). */
static inline bool sd_ring_take_doorbell(sd_direction *tx) {
  sd_ring_fence();
  return atomic_load_explicit(&tx->sleeping, memory_order_relaxed) != 0 &&
         atomic_exchange_explicit(&tx->sleeping, 0, memory_order_relaxed) != 0;
}

/*
 * Producer that waits for space and falls asleep: after sd_ring_set_sleeping, before the fence. SYNC POINT WAIT
 * (release): whoever takes this flag sees that we sleep, and what we want.
 */
static inline void sd_ring_mark_waiting(sd_direction *tx, uint32_t wanted) {
  atomic_store_explicit(&tx->wanted, wanted, memory_order_relaxed);
  atomic_store_explicit(&tx->waiting, 1, memory_order_release);
}

/* Producer, before it gives up for lack of space; look at head once more afterwards. Fences itself (DEKKER). */
static inline void sd_ring_set_waiting(sd_direction *tx, uint32_t wanted) {
  sd_ring_mark_waiting(tx, wanted);
  sd_ring_fence();
}

/*
 * Consumer, after consume: true = ring, for the head has come to what the producer wants. `back` is the direction in
 * which the waiting producer itself consumes: its sleeping flag stands there. Fences itself (DEKKER).
 */
static inline bool sd_ring_take_space_doorbell(sd_direction *rx, sd_direction *back) {
  sd_ring_fence();
  if (atomic_load_explicit(&rx->waiting, memory_order_acquire) == 0) return false;
  if (!sd_ring_has_space(rx, atomic_load_explicit(&rx->wanted, memory_order_relaxed))) return false;
  if (atomic_exchange_explicit(&rx->waiting, 0, memory_order_acquire) == 0) return false; /* SYNC POINT WAIT */
  return atomic_load_explicit(&back->sleeping, memory_order_relaxed) != 0 &&
         atomic_exchange_explicit(&back->sleeping, 0, memory_order_relaxed) != 0;
}

/* Between two looks: gives the sibling hardware thread room and saves power. */
static inline void sd_ring_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield" ::: "memory");
#endif
}

#endif
