/*
 * Calls from the event loop into JavaScript, in a real async context: ticks and microtasks run after each, async
 * hooks and AsyncLocalStorage see who asked, and an exception becomes an uncaughtException like in any other callback.
 */
#ifndef SD_CALLBACK_H
#define SD_CALLBACK_H

#include "isolate.h"

typedef struct sd_context {
  napi_env env;
  napi_ref self;
  napi_async_context async;
} sd_context;

/* self NULL: an object of its own. */
napi_status sd_context_open(sd_context *context, napi_env env, napi_value self, const char *name);
void sd_context_close(sd_context *context);

/* Within a handle scope of the caller's. */
void sd_context_call(sd_context *context, napi_ref function, size_t count, const napi_value *arguments);

napi_status sd_function_hold(napi_env env, napi_value function, napi_ref *out);
void sd_function_drop(napi_env env, napi_ref *held);

#endif
