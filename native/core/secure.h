/*
 * Secured memory (PD-13 … PD-18, DESIGN D8): whoever keeps something that depends on what is mapped in a range, as a
 * cached registration does, secures the range, and learns when its mapping changes. Built on a userfaultfd in
 * write-protect mode in which no page is ever protected: it delivers notices and causes no fault.
 *
 * What the kernel does (measured, Linux 6.18; the same since 5.15):
 *  - munmap and mremap: the notice comes after the change; MADV_DONTNEED, _FREE and _REMOVE: before it. The caller is held until
 *    the notice is *read*, not until anything was done about it; other threads may map something there meanwhile.
 *  - Between a change and the moment its notice has been read, the userfaultfd answers EAGAIN to UFFDIO_WRITEPROTECT.
 *
 * So: a helper thread says "handling", reads, bumps the generation of each range concerned, says "done". Who wants to
 * rely on a range asks the userfaultfd (on a page of ours) until there is no unread notice, waits until the helper is done,
 * and then compares generations. Neither end ever waits for JavaScript, and the helper allocates and frees nothing: a free()
 * of its own could wait for a notice that only it can read.
 *
 * A child of fork() has no part in it: its mappings are not secured, and the functions answer -ECHILD there.
 */
#ifndef SD_SECURE_H
#define SD_SECURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SD_SECURE_SLOTS 1024
#define SD_SECURE_NOTICES 256

struct uffd_msg;

/* Of a slot. REMOVED: its owner gives pages back without unmapping them, so nothing there can be relied on until it is unmapped. */
enum { SD_SECURE_FREE, SD_SECURE_LIVE, SD_SECURE_REMOVED, SD_SECURE_GONE };

typedef struct sd_secure_slot {
  /* Whole pages. Written before the state says LIVE. */
  _Atomic uintptr_t start, end;
  _Atomic uint32_t state;
  /* Bumped whenever what was said about the range stops being true. */
  _Atomic uint32_t generation;
  const void *owner; /* NULL: nobody's. Under `changes`. */
} sd_secure_slot;

typedef struct sd_secure_notice {
  uintptr_t start;
  size_t bytes;
} sd_secure_notice;

/* Somebody who is told. Lives in the owner's memory; `wake` is called on the helper thread and must only wake. */
typedef struct sd_secure_listener {
  struct sd_secure_listener *next;
  void (*wake)(struct sd_secure_listener *listener);
  uint64_t seen; /* notices */
} sd_secure_listener;

typedef struct sd_secure {
  int fd, stop;
  pid_t pid;
  void *probe; /* a page of ours, secured, to ask the userfaultfd with */
  size_t page;
  bool running;
  pthread_t helper;
  pthread_mutex_t changes; /* of slots and of what is registered; never taken by the helper */
  pthread_mutex_t telling; /* of the two below; nothing that could unmap anything is done under it */
  sd_secure_listener *listeners;
  uint64_t told; /* notices so far; the last SD_SECURE_NOTICES are kept */
  sd_secure_notice notices[SD_SECURE_NOTICES];
  _Atomic uint32_t handling; /* odd: the helper reads and handles notices */
  size_t next;
  sd_secure_slot slots[SD_SECURE_SLOTS];
} sd_secure;

/*
 * Opens the userfaultfd. 0 or a negative errno: -EPERM, -ENOSYS not permitted or not there, -ENOTSUP an older kernel.
 * Nobody reads the notices before sd_secure_start.
 */
int sd_secure_open(sd_secure *secure);

/* Starts the helper thread, with all signals blocked. It keeps no process alive. 0 or a negative errno. */
int sd_secure_start(sd_secure *secure);

/* Takes everything back and ends the helper. */
void sd_secure_close(sd_secure *secure);

/*
 * Secures the pages of a range. A slot, and its generation; or -EFAULT not all of it is mapped, -EAGAIN pages of it have been
 * given back with madvise, -ENOBUFS too many ranges, -EBUSY another userfaultfd has it, -EINVAL the kernel cannot, -ECHILD.
 * The same pages may be secured more than once. Who has something made of them looks once more afterwards, with sd_secure_check.
 */
int sd_secure_add(sd_secure *secure, const void *address, size_t bytes, const void *owner, uint32_t *generation);

/*
 * May what was found in the range still be relied on? 0, or -ESTALE its mapping has changed, -EINVAL no such slot. With
 * `settle` everything that happened before the call counts, whichever thread did it; then also -EAGAIN: the helper did not
 * come to it in time. Without, what the helper has handled.
 */
int sd_secure_check(sd_secure *secure, size_t slot, uint32_t generation, bool settle);

/* Undoes sd_secure_add. 0, or -EINVAL: not this owner's. */
int sd_secure_remove(sd_secure *secure, size_t slot, const void *owner);
void sd_secure_remove_all(sd_secure *secure, const void *owner);

/* Memory that got secured by being a copy of a secured mapping (mremap with an old size of 0) and is not meant to be. */
void sd_secure_forget(sd_secure *secure, const void *address, size_t bytes);

/* How many ranges are secured and valid. */
size_t sd_secure_count(const sd_secure *secure);

/* A listener is told of what comes after this call. */
void sd_secure_listen(sd_secure *secure, sd_secure_listener *listener);
void sd_secure_unlisten(sd_secure *secure, sd_secure_listener *listener);

/* The next notice that concerned a secured range; when some were lost, one that covers everything. False: no more. */
bool sd_secure_next(sd_secure *secure, sd_secure_listener *listener, sd_secure_notice *out);

/* The helper's work, for itself and for tests: reads and handles what is there; then one notice that was read. */
void sd_secure_read(sd_secure *secure);
void sd_secure_take(sd_secure *secure, const struct uffd_msg *message);

#endif
