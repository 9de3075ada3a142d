/*
 * Memory that JavaScript sees as an ArrayBuffer and that C uses as well: mapped shared memory, and small private
 * blocks. The ArrayBuffer owns nothing. The memory goes when JavaScript has released it or lost it, and no link uses
 * it any more, whichever is last; exactly once.
 */
#ifndef SD_REGION_H
#define SD_REGION_H

#ifndef NAPI_VERSION
#define NAPI_VERSION 8
#endif
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

struct sd_isolate;

typedef struct sd_region {
  struct sd_isolate *isolate;
  struct sd_region *next;
  void *memory; /* NULL once it is gone */
  size_t bytes;
  bool mapped;   /* munmap, else free */
  bool locked;   /* in memory, until it is unmapped */
  bool released; /* by JavaScript */
  bool held;     /* its ArrayBuffer has not been finalized */
  unsigned users;
} sd_region;

/* Takes the memory over; also when it fails: then it is unmapped or freed. 0 or a negative errno. */
int sd_region_new(struct sd_isolate *isolate, void *memory, size_t bytes, bool mapped, napi_value *buffer, sd_region **out);

/* The living region behind an ArrayBuffer of ours, else NULL. */
sd_region *sd_region_of(struct sd_isolate *isolate, napi_value buffer);

/* Detaches the ArrayBuffer. 0, or -EINVAL: not ours, or released before. */
int sd_region_release(struct sd_isolate *isolate, napi_value buffer);

void sd_region_use(sd_region *region);
void sd_region_unuse(sd_region *region);

/* At the end of the environment: what JavaScript never released goes as soon as no link uses it. */
void sd_region_release_all(struct sd_isolate *isolate);

#endif
