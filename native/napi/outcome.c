/*
 * What the program has done and has not been told of yet: that its FIN is out, say. libuv, which sends one and tells of it in
 * one callback, does so before it polls. So it is told here, each in a callback of its own, before anything is served that the
 * loop found in its poll: that may be the answer.
 */
#include <errno.h>
#include <stdlib.h>

#include "arguments.h"
#include "callback.h"

#define SD_OUTCOME_BYTES 64

static void tell(sd_isolate *isolate) {
  napi_env env = isolate->env;
  napi_handle_scope scope;
  napi_value function, result;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, isolate->outcome.tell, &function) == napi_ok && function != NULL) {
    isolate->delivery.inside++;
    napi_status status = napi_make_callback(env, NULL, function, function, 0, NULL, &result);
    if (status != napi_ok) sd_callback_report(env, status);
    isolate->delivery.inside--;
    sd_delivery_run(isolate);
  }
  napi_close_handle_scope(env, scope);
}

static int32_t count(const sd_isolate *isolate) {
  const sd_region *block = isolate->outcome.block;
  return block == NULL || block->memory == NULL ? 0 : *(const int32_t *)block->memory;
}

void sd_outcome_run(sd_isolate *isolate) {
  for (int32_t left = count(isolate); left > 0 && !isolate->closing; left--) {
    if (count(isolate) <= 0) break; /* told otherwise meanwhile */
    tell(isolate);
  }
}

void sd_outcome_close(sd_isolate *isolate) {
  if (isolate->outcome.block != NULL) sd_region_unuse(isolate->outcome.block);
  isolate->outcome.block = NULL;
}

static napi_value outcome_tell_by(napi_env env, napi_callback_info info) {
  napi_value arguments[1], buffer;
  sd_isolate *isolate = sd_arguments(env, info, 1, arguments);
  if (isolate == NULL || !sd_take_function(env, arguments[0])) return NULL;
  void *memory = calloc(1, SD_OUTCOME_BYTES);
  if (memory == NULL) return sd_give_int(env, -ENOMEM);
  sd_region *region;
  int error = sd_region_new(isolate, memory, SD_OUTCOME_BYTES, false, &buffer, &region);
  if (error != 0) return sd_give_int(env, error);
  sd_function_drop(env, &isolate->outcome.tell);
  if (sd_function_hold(env, arguments[0], &isolate->outcome.tell) != napi_ok) return sd_give_int(env, -ENOMEM);
  sd_region_use(region);
  sd_outcome_close(isolate);
  isolate->outcome.block = region;
  return buffer;
}

napi_status sd_outcome_exports(sd_isolate *isolate, napi_value exports) {
  static const sd_function functions[] = {{"tellBy", outcome_tell_by}};
  return sd_define(isolate, exports, functions, sizeof functions / sizeof functions[0]);
}
