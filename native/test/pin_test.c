#include "../core/pin.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../core/guard.h"
#include "../core/memory.h"
#include "test.h"

static size_t page;

static char *map(char *at, size_t pages, int kind) {
  char *memory = mmap(at, pages * page, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  return memory;
}

static int pin(const char *address, size_t bytes) {
  void *alias;
  size_t all;
  int error = sd_pin(address, bytes, &alias, &all);
  if (error == 0) munmap(alias, all);
  return error;
}

static void a_pin_keeps_the_pages(void) {
  char *memory = map(NULL, 3, MAP_SHARED);
  void *alias;
  size_t bytes;
  strcpy(memory + page + 7, "old");
  CHECK_EQUAL(sd_pin(memory + page + 7, page, &alias, &bytes), 0);
  CHECK_EQUAL(bytes, 2 * page);
  memory[page + 8] = 'L'; /* the same pages */
  CHECK_EQUAL(strcmp((char *)alias + 7, "oLd"), 0);
  CHECK_EQUAL(munmap(memory, 3 * page), 0);
  char *again = map(memory, 3, MAP_SHARED | MAP_FIXED_NOREPLACE);
  strcpy(again + page + 7, "new");
  CHECK_EQUAL(strcmp((char *)alias + 7, "oLd"), 0);
  CHECK_EQUAL(munmap(alias, bytes), 0);
  CHECK_EQUAL(munmap(again, 3 * page), 0);
}

static void memory_of_ours_can_be_pinned(void) {
  int fd = sd_memory_allocate(2 * page);
  void *memory;
  CHECK_EQUAL(sd_memory_map(fd, 2 * page, &memory), 0);
  CHECK_EQUAL(pin(memory, 2 * page), 0);
  CHECK_EQUAL(sd_memory_unmap(memory, 2 * page), 0);
  close(fd);
}

static void what_cannot_be_pinned(void) {
  char *shared = map(NULL, 8, MAP_SHARED), *private = map(NULL, 1, MAP_PRIVATE);
  CHECK_EQUAL(pin(private, 1), -EINVAL);
  CHECK_EQUAL(pin(shared, 0), -EINVAL);
  CHECK_EQUAL(pin(shared, SIZE_MAX), -EINVAL);
  CHECK_EQUAL(mprotect(shared + page, page, PROT_READ), 0); /* several mappings, one object */
  CHECK_EQUAL(pin(shared, 8 * page), 0);
  map(shared + 4 * page, 1, MAP_SHARED | MAP_FIXED); /* another object in the middle: its neighbour's pages are not it */
  CHECK_EQUAL(pin(shared, 5 * page), -EINVAL);
  CHECK_EQUAL(pin(shared + 5 * page, 3 * page), 0);
  CHECK_EQUAL(munmap(shared + 6 * page, page), 0);
  CHECK_EQUAL(pin(shared + 5 * page, 3 * page), -EFAULT);
  CHECK_EQUAL(pin(shared + 6 * page, 1), -EFAULT);
  CHECK_EQUAL(munmap(private, page), 0);
  CHECK_EQUAL(munmap(shared, 8 * page), 0);
}

static void lines_of_maps(void) {
  sd_pin_line line;
  CHECK_EQUAL(sd_pin_parse("7f01-7f02 rw-s 00001000 00:01 42                    /dev/zero (deleted)", &line), 0);
  CHECK(line.start == 0x7f01 && line.end == 0x7f02 && line.offset == 4096 && line.inode == 42 && line.pinnable);
  CHECK_EQUAL(sd_pin_parse("7f01-7f02 rw-s 0 00:05 42 /memfd:sockets-direct (deleted)", &line), 0);
  CHECK(line.pinnable);
  static const char *const others[] = {"7f01-7f02 rw-p 0 00:00 0 ", "7f01-7f02 rw-p 0 00:01 1 /dev/zero (deleted)",
                                       "7f01-7f02 -w-s 0 00:01 1 /dev/zero (deleted)", "7f01-7f02 rw-s 0 fe:00 7 /tmp/file"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    CHECK_EQUAL(sd_pin_parse(others[i], &line), 0);
    CHECK(!line.pinnable);
  }
  CHECK_EQUAL(sd_pin_parse("", &line), -EPROTO);
  CHECK_EQUAL(sd_pin_parse("7f01", &line), -EPROTO);
  CHECK_EQUAL(sd_pin_parse("7f01-7f02 rw 0 00:00 0 ", &line), -EPROTO);
}

static uint64_t number(const void *pointer) { return (uint64_t)(uintptr_t)pointer; }

static void a_bad_address_is_an_error(void) {
  char *memory = map(NULL, 4, MAP_PRIVATE), copy[64];
  char *large = malloc(4 * page);
  CHECK_EQUAL(munmap(memory + 2 * page, page), 0);
  strcpy(memory + 2 * page - 8, "content");
  for (int way = 0; way < 2; way++) {
    memset(copy, 0, sizeof copy);
    uint64_t to = number(copy), from = number(memory + 2 * page - 8);
    CHECK_EQUAL(way == 0 ? sd_guard_read(copy, from, 8) : sd_guard_pipe(to, from, 8), 0);
    CHECK_EQUAL(strcmp(copy, "content"), 0);
    CHECK_EQUAL(way == 0 ? sd_guard_read(copy, from, 9) : sd_guard_pipe(to, from, 9), -EFAULT);
    CHECK_EQUAL(way == 0 ? sd_guard_read(copy, 16, 9) : sd_guard_pipe(to, 16, 9), -EFAULT);
    CHECK_EQUAL(way == 0 ? sd_guard_read(copy, UINT64_MAX - 3, 9) : sd_guard_pipe(to, UINT64_MAX - 3, 9), -EFAULT);
    CHECK_EQUAL(way == 0 ? sd_guard_write(from, "writtens", 8) : sd_guard_pipe(from, number("writtens"), 8), 0);
    CHECK_EQUAL(memcmp(memory + 2 * page - 8, "writtens", 8), 0);
    CHECK_EQUAL(way == 0 ? sd_guard_write(from, copy, 9) : sd_guard_pipe(from, to, 9), -EFAULT);
    memset(memory, 'a' + way, 2 * page);
    memory[2 * page - 1] = 'z';
    CHECK_EQUAL(way == 0 ? sd_guard_read(large, number(memory), 2 * page) : sd_guard_pipe(number(large), number(memory), 2 * page), 0);
    CHECK_EQUAL(memcmp(large, memory, 2 * page), 0);
    CHECK_EQUAL(way == 0 ? sd_guard_read(copy, 0, 0) : sd_guard_pipe(0, 0, 0), 0);
    strcpy(memory + 2 * page - 8, "content");
  }
  CHECK_EQUAL(mprotect(memory, page, PROT_READ), 0);
  CHECK_EQUAL(sd_guard_write(number(memory), copy, 1), -EFAULT);
  free(large);
  CHECK_EQUAL(munmap(memory, 4 * page), 0);
}

void test_pin(void) {
  page = (size_t)sysconf(_SC_PAGESIZE);
  a_pin_keeps_the_pages();
  memory_of_ours_can_be_pinned();
  what_cannot_be_pinned();
  lines_of_maps();
  a_bad_address_is_an_error();
}
