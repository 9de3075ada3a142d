/*
 * Calls from the event loop into JavaScript: ticks and microtasks run after each, and an exception becomes an
 * uncaughtException like in any other callback. They have no async context (id 0), for what they bring concerns many of the
 * program's things or none: async hooks see nothing of them, and AsyncLocalStorage has no store. Who tells the program of
 * something enters the context that it belongs to (src/net/callback.ts).
 */
#ifndef SD_CALLBACK_H
#define SD_CALLBACK_H

#include "isolate.h"

typedef struct sd_context {
  napi_env env;
  napi_ref self;
} sd_context;

/* self NULL: an object of its own. */
napi_status sd_context_open(sd_context *context, napi_env env, napi_value self);
void sd_context_close(sd_context *context);

/* Within a handle scope of the caller's. */
void sd_context_call(sd_context *context, napi_ref function, size_t count, const napi_value *arguments);

/* A call into JavaScript has failed: what was thrown becomes an uncaughtException. */
void sd_callback_report(napi_env env, napi_status status);

napi_status sd_function_hold(napi_env env, napi_value function, napi_ref *out);
void sd_function_drop(napi_env env, napi_ref *held);

#endif
