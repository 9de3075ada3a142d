#include "pin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Longer lines have longer paths, and those are not looked at. */
#define LINE_MAX_BYTES 256
#define CHUNK 4096

typedef struct cover {
  uint64_t start, end; /* the range; what is left of it begins at `at` */
  uint64_t at, offset, inode;
  int error;
} cover;

int sd_pin_parse(const char *line, sd_pin_line *out) {
  char rights[5];
  int path = 0;
  if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*x:%*x %" SCNu64 " %n", &out->start, &out->end, rights,
             &out->offset, &out->inode, &path) < 5 ||
      strlen(rights) != 4)
    return -EPROTO;
  static const char zero[] = "/dev/zero (deleted)", ours[] = "/memfd:sockets-direct (deleted)";
  const char *name = path > 0 ? line + path : "";
  out->pinnable = rights[0] == 'r' && rights[3] == 's' && (strcmp(name, zero) == 0 || strcmp(name, ours) == 0);
  return 0;
}

/* Whether the mapping goes on from where the last one ended, in the same object. */
static void take_line(cover *found, const char *line) {
  sd_pin_line entry;
  if (found->at >= found->end || found->error != 0 || sd_pin_parse(line, &entry) != 0 || entry.end <= found->at) return;
  uint64_t offset = entry.offset + (found->at - entry.start);
  bool first = found->at == found->start;
  if (entry.start > found->at) found->error = -EFAULT;
  else if (!entry.pinnable || (!first && (offset != found->offset || entry.inode != found->inode))) found->error = -EINVAL;
  if (found->error != 0) return;
  found->offset = offset + (entry.end - found->at);
  found->inode = entry.inode;
  found->at = entry.end;
}

/* A range that was secured in part is several mappings of one object, which is as good as one. */
static int check(uintptr_t start, uintptr_t end) {
  char chunk[CHUNK], line[LINE_MAX_BYTES];
  cover found = {.start = start, .end = end, .at = start};
  size_t length = 0;
  ssize_t bytes;
  int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  while ((bytes = read(fd, chunk, sizeof chunk)) > 0 && found.error == 0 && found.at < end) {
    for (ssize_t i = 0; i < bytes; i++) {
      if (chunk[i] != '\n') {
        if (length < sizeof line - 1) line[length++] = chunk[i];
        continue;
      }
      line[length] = '\0';
      length = 0;
      take_line(&found, line);
    }
  }
  close(fd);
  if (found.error != 0) return found.error;
  return found.at >= end ? 0 : -EFAULT;
}

int sd_pin(const void *address, size_t bytes, void **alias, size_t *alias_bytes) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t start = (uintptr_t)address & ~(page - 1), end = (uintptr_t)address + bytes + page - 1;
  if (bytes == 0 || end < (uintptr_t)address + bytes) return -EINVAL;
  end &= ~(page - 1);
  int error = check(start, end);
  if (error != 0) return error;
  /* An old size of 0 asks for a copy of the mapping. */
  void *copy = mremap((void *)start, 0, end - start, MREMAP_MAYMOVE);
  if (copy == MAP_FAILED) return -errno;
  *alias = copy;
  *alias_bytes = end - start;
  return 0;
}
