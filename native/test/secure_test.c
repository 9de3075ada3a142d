#include "../core/secure.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PAGES 8
static size_t page;
static sd_secure secure;
static const int me;

static char *map(size_t pages, int kind) {
  char *memory = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  return memory;
}

static int add_once(const void *address, size_t bytes, uint32_t *generation) {
  return sd_secure_add(&secure, address, bytes, &me, generation);
}

/* On a busy machine the helper may need longer than is waited for: -EAGAIN says so, and decides nothing. */
#define PATIENCE 200

static int add(const void *address, size_t bytes, uint32_t *generation) {
  int result = -EAGAIN;
  for (int i = 0; result == -EAGAIN && i < PATIENCE; i++) result = add_once(address, bytes, generation);
  return result;
}

static int check(int slot, uint32_t generation) {
  int result = -EAGAIN;
  for (int i = 0; result == -EAGAIN && i < PATIENCE; i++) {
    result = sd_secure_check(&secure, (size_t)slot, generation, true);
  }
  return result;
}

/* ---------------------------------------------------------------- what notices make of the table */

static void say(uint16_t event, const char *from, size_t pages) {
  struct uffd_msg message;
  memset(&message, 0, sizeof message);
  message.event = (uint8_t)event;
  if (event == UFFD_EVENT_REMAP) {
    message.arg.remap.from = (uintptr_t)from;
    message.arg.remap.len = pages * page;
  } else {
    message.arg.remove.start = (uintptr_t)from;
    message.arg.remove.end = (uintptr_t)from + pages * page;
  }
  sd_secure_take(&secure, &message);
}

static void only_what_a_notice_touches_is_revoked(void) {
  char *memory = map(PAGES, MAP_SHARED);
  uint32_t first, second, third;
  int a = add(memory, page, &first), b = add(memory + page + 5, 1, &second), c = add(memory + 2 * page, 2 * page, &third);
  CHECK(a >= 0 && b >= 0 && c >= 0);
  say(UFFD_EVENT_UNMAP, memory + page, 1);
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)a, first, false), 0);
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)b, second, false), -ESTALE);
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)c, third, false), 0);
  say(UFFD_EVENT_REMAP, memory, 0); /* copied */
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)a, first, false), 0);
  say(UFFD_EVENT_REMAP, memory, 1);
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)a, first, false), -ESTALE);
  say(UFFD_EVENT_UNMAP, memory + 3 * page, 4); /* part of it */
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)c, third, false), -ESTALE);
  CHECK_EQUAL(check(c, third + 1), 0); /* as the next one to be secured there would see it */
  CHECK_EQUAL(sd_secure_count(&secure), 0);
  for (int slot = 0; slot < SD_SECURE_SLOTS; slot++)
    CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slot, &me), slot == a || slot == b || slot == c ? 0 : -EINVAL);
  munmap(memory, PAGES * page);
}

static void pages_given_back_are_not_trusted_again(void) {
  char *memory = map(PAGES, MAP_SHARED);
  uint32_t generation, later;
  int slot = add(memory, 2 * page, &generation);
  CHECK(slot >= 0);
  say(UFFD_EVENT_REMOVE, memory + page, 1);
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)slot, generation, false), -ESTALE);
  CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slot, &me), 0);
  CHECK_EQUAL(add_once(memory, page, &later), -EAGAIN);
  int beside = add(memory + 2 * page, page, &later);
  CHECK(beside >= 0);
  CHECK_EQUAL(sd_secure_remove(&secure, (size_t)beside, &me), 0);
  say(UFFD_EVENT_UNMAP, memory, 1); /* not all of it */
  CHECK_EQUAL(add_once(memory, page, &later), -EAGAIN);
  say(UFFD_EVENT_UNMAP, memory, 3);
  slot = add(memory, page, &later);
  CHECK(slot >= 0);
  CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slot, &me), 0);
  munmap(memory, PAGES * page);
}

static void what_cannot_be_secured(void) {
  char *memory = map(PAGES, MAP_PRIVATE);
  uint32_t generation;
  CHECK_EQUAL(add(NULL, 1, &generation), -EINVAL);
  CHECK_EQUAL(add(memory, 0, &generation), -EINVAL);
  CHECK_EQUAL(add_once(memory, SIZE_MAX, &generation), -EINVAL);
  CHECK_EQUAL(add_once(memory, SIZE_MAX - (size_t)memory, &generation), -EINVAL);
  CHECK_EQUAL(sd_secure_add(&secure, memory, 1, NULL, &generation), -EINVAL);
  munmap(memory + page, page);
  CHECK_EQUAL(add(memory, 3 * page, &generation), -EFAULT);
  CHECK(add(memory + page, page, &generation) < 0);
  CHECK_EQUAL(sd_secure_count(&secure), 0);
  int slots[SD_SECURE_SLOTS];
  for (int i = 0; i < SD_SECURE_SLOTS; i++) CHECK((slots[i] = add(memory, page, &generation)) >= 0);
  CHECK_EQUAL(add(memory, page, &generation), -ENOBUFS);
  CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slots[7], &secure), -EINVAL); /* somebody else's */
  CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slots[7], &me), 0);
  CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slots[7], &me), -EINVAL);
  CHECK_EQUAL(sd_secure_remove(&secure, SD_SECURE_SLOTS, &me), -EINVAL);
  CHECK_EQUAL(sd_secure_check(&secure, SD_SECURE_SLOTS, 0, false), -EINVAL);
  CHECK_EQUAL(add(memory, page, &generation), slots[7]);
  sd_secure_remove_all(&secure, &me);
  CHECK_EQUAL(sd_secure_count(&secure), 0);
  munmap(memory, PAGES * page);
}

/* ---------------------------------------------------------------- the kernel, with the helper's part played by hand */

static void *unmap_one(void *at) {
  CHECK_EQUAL(munmap(at, page), 0);
  return NULL;
}

static void wait_readable(void) {
  struct pollfd fd = {secure.fd, POLLIN, 0};
  CHECK_EQUAL(poll(&fd, 1, 10000), 1);
}

/* The memory is gone and may be somebody else's already, and nobody has been told: what D8 is about. */
static void a_change_that_nobody_has_read_is_seen(void) {
  char *memory = map(1, MAP_SHARED);
  uint32_t generation;
  pthread_t thread;
  int slot = add(memory, page, &generation);
  CHECK(slot >= 0);
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)slot, generation, true), 0);
  CHECK_EQUAL(pthread_create(&thread, NULL, unmap_one, memory), 0);
  wait_readable();
  char *again = mmap(memory, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  CHECK(again == memory);
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)slot, generation, false), 0); /* not handled yet */
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)slot, generation, true), -EAGAIN);
  sd_secure_read(&secure);
  CHECK_EQUAL(pthread_join(thread, NULL), 0);
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)slot, generation, true), -ESTALE);
  CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slot, &me), 0);
  munmap(again, page);
}

/* Read, but not handled: who was held goes on, and may use the memory anew. */
static void a_change_that_is_being_handled_is_waited_for(void) {
  char *memory = map(1, MAP_SHARED);
  uint32_t generation;
  pthread_t thread;
  struct uffd_msg message;
  int slot = add(memory, page, &generation);
  CHECK_EQUAL(pthread_create(&thread, NULL, unmap_one, memory), 0);
  wait_readable();
  atomic_fetch_add(&secure.handling, 1);
  CHECK_EQUAL(read(secure.fd, &message, sizeof message), sizeof message);
  CHECK_EQUAL(pthread_join(thread, NULL), 0);
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)slot, generation, true), -EAGAIN);
  sd_secure_take(&secure, &message);
  atomic_fetch_add(&secure.handling, 1);
  CHECK_EQUAL(sd_secure_check(&secure, (size_t)slot, generation, true), -ESTALE);
  CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slot, &me), 0);
}

/* ---------------------------------------------------------------- with the helper */

static void woken(sd_secure_listener *listener) { (void)listener; }

static void every_way_to_change_a_mapping_is_noticed(int kind) {
  for (int way = 0; way < 7; way++) {
    char *memory = map(PAGES, kind), *other = map(PAGES, kind);
    uint32_t generation;
    int slot = add(memory + page, 2 * page, &generation);
    CHECK(slot >= 0);
    memory[page] = 1; /* touching it is no change */
    CHECK_EQUAL(check(slot, generation), 0);
    CHECK_EQUAL(munmap(memory + 3 * page, page), 0); /* nor is what happens beside it */
    CHECK_EQUAL(check(slot, generation), 0);
    char *at = memory + page;
    if (way == 0) CHECK_EQUAL(munmap(at, page), 0);
    if (way == 1) CHECK(mmap(at, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
    if (way == 2) CHECK(mremap(at, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, other) == other);
    if (way == 3) CHECK(mremap(at, 2 * page, page, 0) == at);
    if (way == 4) CHECK_EQUAL(madvise(at + page, page, MADV_DONTNEED), 0);
    if (way == 5) CHECK(mremap(other, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at);
    if (way == 6) CHECK_EQUAL(madvise(at, page, kind == MAP_SHARED ? MADV_REMOVE : MADV_FREE), 0);
    CHECK_EQUAL(check(slot, generation), -ESTALE);
    CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slot, &me), 0);
    munmap(memory, PAGES * page);
    munmap(other, PAGES * page);
  }
}

static void a_copy_of_a_mapping_changes_nothing(void) {
  char *memory = map(2, MAP_SHARED);
  uint32_t generation;
  int slot = add(memory, 2 * page, &generation);
  char *alias = mremap(memory, 0, 2 * page, MREMAP_MAYMOVE);
  CHECK(alias != MAP_FAILED && alias != memory);
  sd_secure_forget(&secure, alias, 2 * page);
  CHECK_EQUAL(munmap(alias, 2 * page), 0);
  CHECK_EQUAL(check(slot, generation), 0);
  CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slot, &me), 0);
  munmap(memory, 2 * page);
}

static void ranges_that_share_pages_are_independent(void) {
  char *memory = map(4, MAP_SHARED);
  uint32_t one, two;
  int a = add(memory, 3 * page, &one), b = add(memory + page, page, &two);
  CHECK_EQUAL(sd_secure_remove(&secure, (size_t)a, &me), 0);
  CHECK_EQUAL(check(b, two), 0);
  CHECK_EQUAL(munmap(memory, 4 * page), 0); /* what is left is still watched */
  CHECK_EQUAL(check(b, two), -ESTALE);
  CHECK_EQUAL(sd_secure_remove(&secure, (size_t)b, &me), 0);
}

static void listeners_are_told(void) {
  sd_secure_listener listener = {.wake = woken};
  sd_secure_notice notice;
  uint32_t generation;
  sd_secure_listen(&secure, &listener);
  for (int round = 0; round < 2; round++) {
    char *memory = map(1, MAP_SHARED);
    int slot = add(memory, page, &generation);
    munmap(memory, page);
    CHECK_EQUAL(check(slot, generation), -ESTALE);
    CHECK(sd_secure_next(&secure, &listener, &notice));
    CHECK(notice.start == (uintptr_t)memory && notice.bytes == page);
    CHECK(!sd_secure_next(&secure, &listener, &notice));
    CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slot, &me), 0);
  }
  char *memory = map(1, MAP_SHARED);
  for (int i = 0; i <= SD_SECURE_NOTICES; i++) { /* more than are kept */
    int slot = add(memory, page, &generation);
    say(UFFD_EVENT_UNMAP, memory, 1);
    CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slot, &me), 0);
  }
  CHECK(sd_secure_next(&secure, &listener, &notice));
  CHECK(notice.start == 0 && notice.bytes > UINT32_MAX);
  CHECK(!sd_secure_next(&secure, &listener, &notice));
  sd_secure_unlisten(&secure, &listener);
  munmap(memory, page);
}

static void a_child_has_no_part_in_it(void) {
  char *memory = map(1, MAP_PRIVATE);
  uint32_t generation, other;
  int slot = add(memory, page, &generation);
  memory[0] = 7;
  pid_t child = fork();
  if (child == 0) {
    alarm(20); /* being held by a notice that nobody reads would look like this */
    bool fine = memory[0] == 7 && munmap(memory, page) == 0 && add_once(&child, 1, &other) == -ECHILD &&
                sd_secure_check(&secure, (size_t)slot, generation, true) == -ECHILD;
    _exit(fine ? 0 : 1);
  }
  int status = -1;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  CHECK_EQUAL(status, 0);
  CHECK_EQUAL(check(slot, generation), 0);
  CHECK_EQUAL(sd_secure_remove(&secure, (size_t)slot, &me), 0);
  munmap(memory, page);
}

static bool open_or_skip(void) {
  page = (size_t)sysconf(_SC_PAGESIZE);
  int error = sd_secure_open(&secure);
  if (error == 0) return true;
  printf("skip secured memory: %s\n", strerror(-error));
  return false;
}

void test_secure(void) {
  if (!open_or_skip()) return;
  a_change_that_nobody_has_read_is_seen();
  a_change_that_is_being_handled_is_waited_for();
  CHECK_EQUAL(sd_secure_start(&secure), 0);
  only_what_a_notice_touches_is_revoked();
  pages_given_back_are_not_trusted_again();
  what_cannot_be_secured();
  every_way_to_change_a_mapping_is_noticed(MAP_SHARED);
  every_way_to_change_a_mapping_is_noticed(MAP_PRIVATE);
  a_copy_of_a_mapping_changes_nothing();
  ranges_that_share_pages_are_independent();
  listeners_are_told();
  a_child_has_no_part_in_it();
  sd_secure_close(&secure);
}

/* ---------------------------------------------------------------- under load */

#define PLACES 4
#define HOME ((char *)0x20000000) /* where neither the kernel nor a sanitizer puts anything by itself */
#define ROUNDS 400

typedef struct place {
  _Atomic uintptr_t memory;
  _Atomic uint32_t version; /* of what is mapped there, once it can be read */
} place;

static place places[PLACES];
static _Atomic bool over;

/* One thread unmaps, and is held until the notice is read; meanwhile the other maps something else there. */
static void *unmap_all_the_time(void *argument) {
  (void)argument;
  for (uint32_t i = 0; !atomic_load(&over); i++) {
    uintptr_t memory = atomic_exchange(&places[i % PLACES].memory, 0);
    if (memory != 0) CHECK_EQUAL(munmap((void *)memory, page), 0);
    else usleep(20);
  }
  return NULL;
}

static void *map_all_the_time(void *argument) {
  char *const *home = argument;
  for (uint32_t i = 0; !atomic_load(&over); i++) {
    place *at = &places[i % PLACES];
    char *memory = mmap(home[i % PLACES], page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (memory == MAP_FAILED) continue;
    uint32_t version = atomic_load(&at->version) + 1;
    memcpy(memory, &version, sizeof version);
    atomic_store(&at->version, version);
    atomic_store(&at->memory, (uintptr_t)memory);
  }
  return NULL;
}

/* A registration cache in its smallest form: an alias per place, kept as long as check() says so. */
typedef struct kept {
  int slot;
  uint32_t generation;
  char *alias;
} kept;

static void drop(kept *entry) {
  if (entry->alias != NULL) CHECK_EQUAL(munmap(entry->alias, page), 0);
  if (entry->slot >= 0) CHECK_EQUAL(sd_secure_remove(&secure, (size_t)entry->slot, &me), 0);
  *entry = (kept){.slot = -1};
}

static bool renew(kept *entry, char *home) {
  drop(entry);
  entry->slot = add_once(home, page, &entry->generation);
  if (entry->slot < 0) return false;
  void *alias = mremap(home, 0, page, MREMAP_MAYMOVE);
  if (alias == MAP_FAILED) return false;
  sd_secure_forget(&secure, alias, page);
  entry->alias = alias;
  return sd_secure_check(&secure, (size_t)entry->slot, entry->generation, true) == 0;
}

void test_secure_threads(void) {
  if (!open_or_skip()) return;
  CHECK_EQUAL(sd_secure_start(&secure), 0);
  char *home[PLACES];
  kept entries[PLACES];
  pthread_t unmapper, mapper;
  for (int i = 0; i < PLACES; i++) {
    home[i] = HOME + (size_t)i * 16 * page;
    entries[i] = (kept){.slot = -1};
  }
  CHECK_EQUAL(pthread_create(&unmapper, NULL, unmap_all_the_time, NULL), 0);
  CHECK_EQUAL(pthread_create(&mapper, NULL, map_all_the_time, home), 0);
  int hits = 0, stale = 0;
  for (int i = 0; hits < ROUNDS || stale < ROUNDS; i++) {
    kept *entry = &entries[i / 2 % PLACES];
    place *at = &places[i / 2 % PLACES];
    uint32_t known = atomic_load(&at->version), found;
    bool hit = entry->alias != NULL && sd_secure_check(&secure, (size_t)entry->slot, entry->generation, true) == 0;
    if (hit) hits++;
    else stale++;
    if (!hit && !renew(entry, home[i / 2 % PLACES])) continue;
    memcpy(&found, entry->alias, sizeof found);
    /* 0: mapped and not written yet. Older than what was there before we asked: the bytes of memory that is gone. */
    CHECK(found == 0 || found >= known);
  }
  atomic_store(&over, true);
  CHECK_EQUAL(pthread_join(unmapper, NULL), 0);
  CHECK_EQUAL(pthread_join(mapper, NULL), 0);
  for (int i = 0; i < PLACES; i++) {
    drop(&entries[i]);
    munmap(home[i], page);
  }
  sd_secure_close(&secure);
}
