#include "../core/memory.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#include "arguments.h"

#define RANDOM_BYTES_MAX 256

static napi_value memory_allocate(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  uint64_t bytes;
  if (sd_arguments(env, info, 1, arguments) == NULL || !sd_take_length(env, arguments[0], &bytes)) return NULL;
  return sd_give_int(env, sd_memory_allocate(bytes));
}

static napi_value memory_map(napi_env env, napi_callback_info info) {
  napi_value arguments[2], buffer;
  int32_t fd;
  uint64_t bytes;
  void *memory;
  sd_isolate *isolate = sd_arguments(env, info, 2, arguments);
  if (isolate == NULL || !sd_take_int(env, arguments[0], &fd) || !sd_take_length(env, arguments[1], &bytes)) return NULL;
  int error = sd_memory_map(fd, bytes, &memory);
  if (error == 0) error = sd_region_new(isolate, memory, (size_t)bytes, true, &buffer, NULL);
  return error == 0 ? buffer : sd_give_int(env, error);
}

static napi_value memory_release(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  bool is_buffer = false;
  sd_isolate *isolate = sd_arguments(env, info, 1, arguments);
  if (isolate == NULL) return NULL;
  if (napi_is_arraybuffer(env, arguments[0], &is_buffer) != napi_ok || !is_buffer) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "an ArrayBuffer was expected");
    return NULL;
  }
  return sd_give_int(env, sd_region_release(isolate, arguments[0]));
}

static napi_value memory_lock(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  sd_isolate *isolate = sd_arguments(env, info, 1, arguments);
  if (isolate == NULL) return NULL;
  sd_region *region = sd_region_of(isolate, arguments[0]);
  if (region == NULL || !region->mapped) return sd_give_int(env, -EINVAL);
  uint64_t locked = 0;
  for (const sd_region *other = isolate->regions; other != NULL; other = other->next)
    if (other->locked && other->memory != NULL) locked += other->bytes;
  int error = region->locked ? 0 : sd_memory_lock(region->memory, region->bytes, locked);
  region->locked = error == 0;
  return sd_give_int(env, error);
}

static napi_value descriptor_close(napi_env env, napi_callback_info info) {
  int32_t fd;
  if (sd_only_int(env, info, &fd) == NULL) return NULL;
  return sd_give_int(env, close(fd) == 0 ? 0 : -errno);
}

/* crypto.randomBytes() would do as well, but for the async resource that each call of it leaves to the collector. */
static napi_value memory_random(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  void *out;
  size_t length;
  if (sd_arguments(env, info, 1, arguments) == NULL ||
      !sd_take_array(env, arguments[0], napi_uint8_array, 0, &out, &length))
    return NULL;
  if (length > RANDOM_BYTES_MAX) return sd_give_int(env, -EINVAL);
  ssize_t got = getrandom(out, length, 0); /* so few bytes come whole, or not at all */
  return sd_give_int(env, got < 0 ? -errno : (size_t)got == length ? 0 : -EIO);
}

napi_status sd_memory_exports(sd_isolate *isolate, napi_value exports) {
  static const sd_function functions[] = {{"allocate", memory_allocate},
                                          {"map", memory_map},
                                          {"lock", memory_lock},
                                          {"release", memory_release},
                                          {"close", descriptor_close},
                                          {"random", memory_random}};
  return sd_define(isolate, exports, functions, sizeof functions / sizeof functions[0]);
}
