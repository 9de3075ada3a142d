/*
 * Pinning (SP-15, CACHE-1): a second mapping of the same memory, as a NIC has it. It shows the pages that were there when
 * it was made, whatever becomes of the address they were found at, until it is unmapped.
 */
#ifndef SD_PIN_H
#define SD_PIN_H

#include <stddef.h>
#include <stdint.h>

/*
 * Pins the whole pages of a range; `alias` is where its first page is. Only memory that nobody can truncate, or touching it
 * could be a SIGBUS: shared anonymous memory, and memory of memory.h. 0, or -EFAULT not all of it is mapped, -EINVAL
 * other memory (private memory can have no second mapping) or of more than one object, -ENOMEM.
 * What is mapped there may change during the call; who must know secures the range before and checks it afterwards.
 */
int sd_pin(const void *address, size_t bytes, void **alias, size_t *alias_bytes);

/* One line of /proc/self/maps, for tests of its own. */
typedef struct sd_pin_line {
  uint64_t start, end, offset, inode;
  int pinnable;
} sd_pin_line;

/* 0 or -EPROTO. */
int sd_pin_parse(const char *line, sd_pin_line *out);

#endif
