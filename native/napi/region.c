#include "region.h"

#include <errno.h>
#include <stdlib.h>

#include "../core/memory.h"
#include "isolate.h"

static void memory_free(void *memory, size_t bytes, bool mapped) {
  if (mapped) sd_memory_unmap(memory, bytes);
  else free(memory);
}

static void unlink_region(sd_region *region) {
  for (sd_region **at = &region->isolate->regions; *at != NULL; at = &(*at)->next) {
    if (*at != region) continue;
    *at = region->next;
    return;
  }
}

static void settle(sd_region *region) {
  if (region->users == 0 && region->memory != NULL && (region->released || !region->held)) {
    memory_free(region->memory, region->bytes, region->mapped);
    region->memory = NULL;
  }
  if (region->memory != NULL || region->held) return;
  sd_isolate *isolate = region->isolate;
  unlink_region(region);
  free(region);
  sd_isolate_unref(isolate);
}

static void finalized(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  sd_region *region = hint;
  region->held = false;
  settle(region);
}

int sd_region_new(sd_isolate *isolate, void *memory, size_t bytes, bool mapped, napi_value *buffer, sd_region **out) {
  sd_region *region = calloc(1, sizeof *region);
  if (region == NULL) {
    memory_free(memory, bytes, mapped);
    return -ENOMEM;
  }
  *region = (sd_region){.isolate = isolate, .memory = memory, .bytes = bytes, .mapped = mapped, .held = true};
  if (napi_create_external_arraybuffer(isolate->env, memory, bytes, finalized, region, buffer) != napi_ok) {
    memory_free(memory, bytes, mapped);
    free(region);
    return -ENOTSUP; /* a V8 that allows no external memory */
  }
  region->next = isolate->regions;
  isolate->regions = region;
  sd_isolate_ref(isolate);
  if (out != NULL) *out = region;
  return 0;
}

sd_region *sd_region_of(sd_isolate *isolate, napi_value buffer) {
  void *memory = NULL;
  size_t bytes = 0;
  bool is_buffer = false;
  if (napi_is_arraybuffer(isolate->env, buffer, &is_buffer) != napi_ok || !is_buffer) return NULL;
  if (napi_get_arraybuffer_info(isolate->env, buffer, &memory, &bytes) != napi_ok || memory == NULL) return NULL;
  for (sd_region *region = isolate->regions; region != NULL; region = region->next)
    if (region->memory == memory && region->bytes == bytes && !region->released) return region;
  return NULL;
}

int sd_region_release(sd_isolate *isolate, napi_value buffer) {
  sd_region *region = sd_region_of(isolate, buffer);
  if (region == NULL || !region->mapped) return -EINVAL;
  if (napi_detach_arraybuffer(isolate->env, buffer) != napi_ok) return -EINVAL;
  region->released = true;
  settle(region);
  return 0;
}

void sd_region_use(sd_region *region) { region->users++; }

void sd_region_unuse(sd_region *region) {
  region->users--;
  settle(region);
}

void sd_region_release_all(sd_isolate *isolate) {
  sd_region *next;
  for (sd_region *region = isolate->regions; region != NULL; region = next) {
    next = region->next;
    region->released = true;
    settle(region);
  }
}
