#include "secure.h"

#include <errno.h>
#include <limits.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "secure_kernel.h"

#define MESSAGES_PER_READ 16
/*
 * How long the helper is waited for: some milliseconds, after which whoever asks does without the cache. It answers within
 * microseconds as a rule. If not, it may wait for this very core, and a yield need not give it away: only sleep does.
 */
#define SETTLE_YIELDS 64
#define SETTLE_TRIES 128
#define SETTLE_NAP_NS 50000
#ifndef PTHREAD_STACK_MIN
#define PTHREAD_STACK_MIN 16384
#endif
#define HELPER_STACK ((size_t)PTHREAD_STACK_MIN + 256 * 1024) /* room for a sanitizer's frames */

static bool overlaps(const sd_secure_slot *slot, uintptr_t start, uintptr_t end) {
  return atomic_load_explicit(&slot->start, memory_order_relaxed) < end &&
         start < atomic_load_explicit(&slot->end, memory_order_relaxed);
}

/* ---------------------------------------------------------------- the helper's side */

static void tell(sd_secure *secure, uintptr_t start, uintptr_t end) {
  pthread_mutex_lock(&secure->telling);
  secure->notices[secure->told++ % SD_SECURE_NOTICES] = (sd_secure_notice){.start = start, .bytes = end - start};
  for (sd_secure_listener *listener = secure->listeners; listener != NULL; listener = listener->next) listener->wake(listener);
  pthread_mutex_unlock(&secure->telling);
}

static void revoke_range(sd_secure *secure, uintptr_t start, uintptr_t end, bool removed) {
  bool found = false;
  for (size_t i = 0; i < SD_SECURE_SLOTS; i++) {
    sd_secure_slot *slot = &secure->slots[i];
    /* SYNC POINT secure-slot: acquires the range that add() published; a range that comes later was registered later. */
    uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
    if (state != SD_SECURE_LIVE && state != SD_SECURE_REMOVED) continue;
    if (!overlaps(slot, start, end)) continue;
    bool whole = start <= atomic_load_explicit(&slot->start, memory_order_relaxed) &&
                 atomic_load_explicit(&slot->end, memory_order_relaxed) <= end;
    if (state == SD_SECURE_REMOVED && (removed || !whole)) continue;
    found |= state == SD_SECURE_LIVE;
    /* SYNC POINT secure-generation: releases the news; check() acquires it. */
    atomic_fetch_add_explicit(&slot->generation, 1, memory_order_release);
    atomic_compare_exchange_strong_explicit(&slot->state, &state, removed ? SD_SECURE_REMOVED : SD_SECURE_GONE,
                                            memory_order_release, memory_order_relaxed);
  }
  if (found) tell(secure, start, end);
}

void sd_secure_take(sd_secure *secure, const struct uffd_msg *message) {
  if (message->event == UFFD_EVENT_UNMAP || message->event == UFFD_EVENT_REMOVE) {
    bool removed = message->event == UFFD_EVENT_REMOVE;
    revoke_range(secure, (uintptr_t)message->arg.remove.start, (uintptr_t)message->arg.remove.end, removed);
  } else if (message->event == UFFD_EVENT_REMAP && message->arg.remap.len != 0) {
    /* Moved. A length of 0 means that the mapping was copied, and is what it was. */
    uintptr_t from = (uintptr_t)message->arg.remap.from;
    revoke_range(secure, from, from + (uintptr_t)message->arg.remap.len, false);
  }
}

void sd_secure_read(sd_secure *secure) {
  struct uffd_msg messages[MESSAGES_PER_READ];
  /* SYNC POINT secure-handling: before the kernel lets go of whom it holds; settle() looks after that. */
  atomic_fetch_add_explicit(&secure->handling, 1, memory_order_seq_cst);
  for (;;) {
    ssize_t bytes = read(secure->fd, messages, sizeof messages);
    if (bytes < (ssize_t)sizeof *messages) break;
    for (size_t i = 0; i < (size_t)bytes / sizeof *messages; i++) sd_secure_take(secure, &messages[i]);
  }
  /* SYNC POINT secure-handled: releases the generations above; settle() acquires. */
  atomic_fetch_add_explicit(&secure->handling, 1, memory_order_release);
}

static void *help(void *argument) {
  sd_secure *secure = argument;
  for (;;) {
    struct pollfd both[2] = {{secure->fd, POLLIN, 0}, {secure->stop, POLLIN, 0}};
    if (poll(both, 2, -1) < 0) continue;
    if (both[0].revents != 0) sd_secure_read(secure);
    if (both[1].revents != 0) return NULL;
  }
}

/* ---------------------------------------------------------------- opening and closing */

int sd_secure_open(sd_secure *secure) {
  memset(secure, 0, sizeof *secure);
  secure->fd = secure->stop = -1;
  secure->page = (size_t)sysconf(_SC_PAGESIZE);
  secure->pid = getpid();
  pthread_mutex_init(&secure->changes, NULL);
  pthread_mutex_init(&secure->telling, NULL);
  secure->probe = MAP_FAILED;
  int error = 0;
  secure->fd = sd_secure_kernel_open();
  if (secure->fd < 0) error = secure->fd;
  if (error == 0) {
    secure->probe = mmap(NULL, secure->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (secure->probe == MAP_FAILED) error = -errno;
  }
  if (error == 0) error = sd_secure_kernel_register(secure->fd, (uintptr_t)secure->probe, secure->page);
  if (error == 0 && (secure->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) error = -errno;
  if (error != 0) sd_secure_close(secure);
  return error;
}

int sd_secure_start(sd_secure *secure) {
  pthread_attr_t attributes;
  sigset_t all, before;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return -error;
  pthread_attr_setstacksize(&attributes, HELPER_STACK);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&secure->helper, &attributes, help, secure);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  secure->running = error == 0;
  return -error;
}

void sd_secure_close(sd_secure *secure) {
  bool ours = secure->pid == getpid();
  /* While the helper still reads: a child between fork and exec may keep the userfaultfd open for a moment after us. */
  if (ours && secure->fd >= 0)
    for (size_t i = 0; i < SD_SECURE_SLOTS; i++) {
      sd_secure_slot *slot = &secure->slots[i];
      uintptr_t start = atomic_load(&slot->start), end = atomic_load(&slot->end);
      if (atomic_load(&slot->state) == SD_SECURE_FREE) continue;
      sd_secure_kernel_unregister(secure->fd, start, end - start);
      atomic_store(&slot->state, SD_SECURE_FREE);
      atomic_fetch_add(&slot->generation, 1);
    }
  if (ours && secure->running) {
    uint64_t one = 1;
    while (write(secure->stop, &one, sizeof one) < 0 && errno == EINTR)
      ;
    pthread_join(secure->helper, NULL);
  }
  secure->running = false;
  if (secure->probe != MAP_FAILED) {
    if (ours && secure->fd >= 0) sd_secure_kernel_unregister(secure->fd, (uintptr_t)secure->probe, secure->page);
    munmap(secure->probe, secure->page);
  }
  secure->probe = MAP_FAILED;
  if (secure->fd >= 0) close(secure->fd);
  if (secure->stop >= 0) close(secure->stop);
  secure->fd = secure->stop = -1;
  pthread_mutex_destroy(&secure->changes);
  pthread_mutex_destroy(&secure->telling);
}

/* ---------------------------------------------------------------- ranges */

/* Ends the registration of those pages of a range that no slot stands for. */
static void unregister_rest(sd_secure *secure, uintptr_t start, uintptr_t end) {
  while (start < end) {
    uintptr_t covered = start, next = end;
    for (size_t i = 0; i < SD_SECURE_SLOTS; i++) {
      const sd_secure_slot *slot = &secure->slots[i];
      uint32_t state = atomic_load_explicit(&slot->state, memory_order_relaxed);
      if ((state != SD_SECURE_LIVE && state != SD_SECURE_REMOVED) || !overlaps(slot, start, end)) continue;
      uintptr_t from = atomic_load_explicit(&slot->start, memory_order_relaxed);
      uintptr_t to = atomic_load_explicit(&slot->end, memory_order_relaxed);
      if (from <= start && to > covered) covered = to;
      if (from > start && from < next) next = from;
    }
    if (covered == start) {
      sd_secure_kernel_unregister(secure->fd, start, next - start);
      start = next;
    } else {
      start = covered;
    }
  }
}

static sd_secure_slot *free_slot(sd_secure *secure) {
  for (size_t i = 0; i < SD_SECURE_SLOTS; i++) {
    sd_secure_slot *slot = &secure->slots[secure->next++ % SD_SECURE_SLOTS];
    uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
    if (slot->owner == NULL && (state == SD_SECURE_FREE || state == SD_SECURE_GONE)) return slot;
  }
  return NULL;
}

static bool has_removed(const sd_secure *secure, uintptr_t start, uintptr_t end) {
  for (size_t i = 0; i < SD_SECURE_SLOTS; i++) {
    const sd_secure_slot *slot = &secure->slots[i];
    if (atomic_load_explicit(&slot->state, memory_order_acquire) == SD_SECURE_REMOVED && overlaps(slot, start, end)) return true;
  }
  return false;
}

static void retire(sd_secure *secure, sd_secure_slot *slot) {
  uintptr_t start = atomic_load_explicit(&slot->start, memory_order_relaxed);
  uintptr_t end = atomic_load_explicit(&slot->end, memory_order_relaxed);
  slot->owner = NULL;
  atomic_fetch_add_explicit(&slot->generation, 1, memory_order_release);
  /* Pages that were given back stay watched, until their unmapping ends it. */
  if (atomic_load_explicit(&slot->state, memory_order_acquire) == SD_SECURE_REMOVED) return;
  uint32_t live = SD_SECURE_LIVE;
  if (!atomic_compare_exchange_strong(&slot->state, &live, SD_SECURE_FREE) && live == SD_SECURE_REMOVED) return;
  unregister_rest(secure, start, end);
}

static void let_helper_run(int tries) {
  if (tries < SETTLE_YIELDS) sched_yield();
  else nanosleep(&(struct timespec){.tv_nsec = SETTLE_NAP_NS}, NULL);
}

/* Everything that any thread did to a mapping before this is in the generations after it: 0, or -EAGAIN. */
static int settle(sd_secure *secure) {
  if (secure->pid != getpid()) return -ECHILD;
  for (int i = 0; i < SETTLE_TRIES; i++) {
    int error = sd_secure_kernel_ask(secure->fd, (uintptr_t)secure->probe, secure->page);
    if (error == -EAGAIN) {
      let_helper_run(i); /* a notice that nobody has read yet */
      continue;
    }
    if (error != 0) return error;
    /* SYNC POINT secure-handling: all is read, so who reads has said so; secure-handled: acquires what it did. */
    uint32_t seen = atomic_load_explicit(&secure->handling, memory_order_seq_cst);
    if ((seen & 1) == 0) return 0;
    for (; i < SETTLE_TRIES; i++) {
      if (atomic_load_explicit(&secure->handling, memory_order_acquire) != seen) return 0;
      let_helper_run(i);
    }
  }
  return -EAGAIN;
}

static int add(sd_secure *secure, uintptr_t start, uintptr_t end, const void *owner, uint32_t *generation) {
  /* What was mapped there before is nothing to the new range. */
  int error = settle(secure);
  if (error != 0) return error;
  if (has_removed(secure, start, end)) return -EAGAIN;
  sd_secure_slot *slot = free_slot(secure);
  if (slot == NULL) return -ENOBUFS;
  /* Published before the pages are registered, so that the first notice finds it. */
  atomic_store_explicit(&slot->start, start, memory_order_relaxed);
  atomic_store_explicit(&slot->end, end, memory_order_relaxed);
  *generation = atomic_fetch_add_explicit(&slot->generation, 1, memory_order_relaxed) + 1;
  slot->owner = owner;
  /* SYNC POINT secure-slot: releases the range; the helper acquires. */
  atomic_store_explicit(&slot->state, SD_SECURE_LIVE, memory_order_release);
  error = sd_secure_kernel_register(secure->fd, start, end - start);
  /* The kernel registers what there is; with MS_ASYNC this only tells whether there are holes. */
  if (error == 0 && msync((void *)start, end - start, MS_ASYNC) != 0) error = errno == ENOMEM ? -EFAULT : -errno;
  if (error == 0) return (int)(slot - secure->slots);
  retire(secure, slot);
  return error;
}

int sd_secure_add(sd_secure *secure, const void *address, size_t bytes, const void *owner, uint32_t *generation) {
  if (bytes == 0 || owner == NULL || address == NULL) return -EINVAL;
  if (bytes > UINTPTR_MAX - (uintptr_t)address - secure->page) return -EINVAL;
  uintptr_t start = (uintptr_t)address & ~(uintptr_t)(secure->page - 1);
  uintptr_t end = ((uintptr_t)address + bytes + secure->page - 1) & ~(uintptr_t)(secure->page - 1);
  pthread_mutex_lock(&secure->changes);
  int result = add(secure, start, end, owner, generation);
  pthread_mutex_unlock(&secure->changes);
  return result;
}

int sd_secure_check(sd_secure *secure, size_t slot, uint32_t generation, bool with_settle) {
  if (slot >= SD_SECURE_SLOTS) return -EINVAL;
  int error = with_settle ? settle(secure) : 0;
  if (error != 0) return error;
  /* SYNC POINT secure-generation: acquires what the helper found. */
  return atomic_load_explicit(&secure->slots[slot].generation, memory_order_acquire) == generation ? 0 : -ESTALE;
}

int sd_secure_remove(sd_secure *secure, size_t slot, const void *owner) {
  if (slot >= SD_SECURE_SLOTS || owner == NULL) return -EINVAL;
  int error = -EINVAL;
  pthread_mutex_lock(&secure->changes);
  if (secure->pid == getpid() && secure->slots[slot].owner == owner) {
    retire(secure, &secure->slots[slot]);
    error = 0;
  }
  pthread_mutex_unlock(&secure->changes);
  return error;
}

void sd_secure_remove_all(sd_secure *secure, const void *owner) {
  for (size_t i = 0; i < SD_SECURE_SLOTS; i++) sd_secure_remove(secure, i, owner);
}

void sd_secure_forget(sd_secure *secure, const void *address, size_t bytes) {
  uintptr_t start = (uintptr_t)address;
  pthread_mutex_lock(&secure->changes);
  if (secure->pid == getpid()) unregister_rest(secure, start, start + bytes);
  pthread_mutex_unlock(&secure->changes);
}

size_t sd_secure_count(const sd_secure *secure) {
  size_t count = 0;
  for (size_t i = 0; i < SD_SECURE_SLOTS; i++)
    count += atomic_load_explicit(&secure->slots[i].state, memory_order_relaxed) == SD_SECURE_LIVE;
  return count;
}

/* ---------------------------------------------------------------- listeners */

void sd_secure_listen(sd_secure *secure, sd_secure_listener *listener) {
  pthread_mutex_lock(&secure->telling);
  listener->seen = secure->told;
  listener->next = secure->listeners;
  secure->listeners = listener;
  pthread_mutex_unlock(&secure->telling);
}

void sd_secure_unlisten(sd_secure *secure, sd_secure_listener *listener) {
  pthread_mutex_lock(&secure->telling);
  for (sd_secure_listener **at = &secure->listeners; *at != NULL; at = &(*at)->next) {
    if (*at != listener) continue;
    *at = listener->next;
    break;
  }
  pthread_mutex_unlock(&secure->telling);
}

bool sd_secure_next(sd_secure *secure, sd_secure_listener *listener, sd_secure_notice *out) {
  pthread_mutex_lock(&secure->telling);
  uint64_t waiting = secure->told - listener->seen;
  if (waiting > SD_SECURE_NOTICES) {
    *out = (sd_secure_notice){.start = 0, .bytes = SIZE_MAX >> 11}; /* all there is, exact as a double */
    listener->seen = secure->told;
  } else if (waiting > 0) {
    *out = secure->notices[listener->seen++ % SD_SECURE_NOTICES];
  }
  pthread_mutex_unlock(&secure->telling);
  return waiting > 0;
}
