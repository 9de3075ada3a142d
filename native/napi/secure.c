/*
 * Secured memory, pins and guarded access for JavaScript (PD-13 … PD-18, CACHE-6, DESIGN D8).
 *
 * The one thing that is static in this addon: a mapping can be secured by one userfaultfd, so the isolates of a process
 * share one, and one helper thread. It is there as long as some isolate has opened it.
 */
#include "../core/secure.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../core/guard.h"
#include "../core/pin.h"
#include "arguments.h"
#include "callback.h"

typedef struct sd_securing {
  sd_isolate *isolate;
  uv_async_t async;
  sd_secure_listener listener;
  sd_context context;
  napi_ref on_notice;
  bool closed;
} sd_securing;

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static sd_secure shared;
static unsigned shared_users;

static int share(void) {
  int error = 0;
  pthread_mutex_lock(&shared_lock);
  if (shared_users == 0) {
    error = sd_secure_open(&shared);
    if (error == 0 && (error = sd_secure_start(&shared)) != 0) sd_secure_close(&shared);
  }
  if (error == 0) shared_users++;
  pthread_mutex_unlock(&shared_lock);
  return error;
}

static void unshare_now(void) {
  pthread_mutex_lock(&shared_lock);
  if (--shared_users == 0) sd_secure_close(&shared);
  pthread_mutex_unlock(&shared_lock);
}

/* On the helper thread. */
static void wake(sd_secure_listener *listener) {
  sd_securing *securing = (sd_securing *)((char *)listener - offsetof(sd_securing, listener));
  uv_async_send(&securing->async);
}

static void on_notice(uv_async_t *async) {
  sd_securing *securing = async->data;
  napi_env env = securing->isolate->env;
  sd_secure_notice notice;
  while (!securing->closed && sd_secure_next(&shared, &securing->listener, &notice)) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return;
    napi_value arguments[2];
    if (napi_create_double(env, (double)notice.start, &arguments[0]) == napi_ok &&
        napi_create_double(env, (double)notice.bytes, &arguments[1]) == napi_ok)
      sd_context_call(&securing->context, securing->on_notice, 2, arguments);
    napi_close_handle_scope(env, scope);
  }
}

static void on_handle_closed(uv_handle_t *handle) {
  sd_securing *securing = handle->data;
  sd_isolate *isolate = securing->isolate;
  napi_handle_scope scope;
  if (napi_open_handle_scope(isolate->env, &scope) == napi_ok) {
    sd_function_drop(isolate->env, &securing->on_notice);
    sd_context_close(&securing->context);
    napi_close_handle_scope(isolate->env, scope);
  }
  free(securing);
  sd_isolate_handle_closed(isolate);
}

void sd_secure_close_isolate(sd_isolate *isolate) {
  sd_securing *securing = isolate->securing;
  if (securing == NULL) return;
  isolate->securing = NULL;
  securing->closed = true;
  sd_secure_unlisten(&shared, &securing->listener);
  sd_secure_remove_all(&shared, isolate);
  unshare_now();
  uv_close((uv_handle_t *)&securing->async, on_handle_closed);
}

static int open_for(sd_isolate *isolate, napi_value function) {
  if (isolate->closing) return -ECANCELED;
  if (isolate->securing != NULL) return -EBUSY;
  sd_securing *securing = calloc(1, sizeof *securing);
  if (securing == NULL) return -ENOMEM;
  int error = share();
  if (error == 0 && (error = uv_async_init(isolate->loop, &securing->async, on_notice)) != 0) unshare_now();
  if (error != 0) {
    free(securing);
    return error;
  }
  securing->isolate = isolate;
  securing->async.data = securing;
  securing->listener.wake = wake;
  uv_unref((uv_handle_t *)&securing->async);
  sd_isolate_handle_opened(isolate);
  isolate->securing = securing;
  sd_secure_listen(&shared, &securing->listener);
  if (sd_context_open(&securing->context, isolate->env, NULL) != napi_ok ||
      sd_function_hold(isolate->env, function, &securing->on_notice) != napi_ok)
    error = -ENOMEM;
  if (error != 0) sd_secure_close_isolate(isolate);
  return error;
}

/* ---------------------------------------------------------------- arguments */

/* A Uint8Array, of any kind of buffer. */
static bool take_bytes(napi_env env, napi_value value, void **data, size_t *length) {
  return sd_take_array(env, value, napi_uint8_array, 0, data, length);
}

static bool take_slot(napi_env env, napi_value value, size_t *slot) {
  int32_t number;
  if (!sd_take_int(env, value, &number)) return false;
  *slot = number < 0 ? SIZE_MAX : (size_t)number;
  return true;
}

/* ---------------------------------------------------------------- functions */

static napi_value secure_open(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  sd_isolate *isolate = sd_arguments(env, info, 1, arguments);
  if (isolate == NULL || !sd_take_function(env, arguments[0])) return NULL;
  return sd_give_int(env, open_for(isolate, arguments[0]));
}

static napi_value secure_close(napi_env env, napi_callback_info info) {
  sd_isolate *isolate = sd_arguments(env, info, 0, NULL);
  sd_secure_close_isolate(isolate);
  return NULL;
}

static napi_value secure_add(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  void *data, *out;
  size_t length;
  uint32_t generation = 0;
  sd_isolate *isolate = sd_arguments(env, info, 2, arguments);
  if (isolate == NULL || !take_bytes(env, arguments[0], &data, &length) ||
      !sd_take_array(env, arguments[1], napi_uint32_array, 1, &out, NULL))
    return NULL;
  if (isolate->securing == NULL) return sd_give_int(env, -ENOTCONN);
  int slot = sd_secure_add(&shared, data, length, isolate, &generation);
  if (slot >= 0) *(uint32_t *)out = generation;
  return sd_give_int(env, slot);
}

static napi_value secure_check(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  size_t slot;
  uint32_t generation;
  bool settle;
  sd_isolate *isolate = sd_arguments(env, info, 3, arguments);
  if (isolate == NULL || !take_slot(env, arguments[0], &slot)) return NULL;
  if (napi_get_value_uint32(env, arguments[1], &generation) != napi_ok ||
      napi_get_value_bool(env, arguments[2], &settle) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "a number and a boolean were expected");
    return NULL;
  }
  if (isolate->securing == NULL) return sd_give_int(env, -ENOTCONN);
  return sd_give_int(env, sd_secure_check(&shared, slot, generation, settle));
}

static napi_value secure_remove(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  size_t slot;
  sd_isolate *isolate = sd_arguments(env, info, 1, arguments);
  if (isolate == NULL || !take_slot(env, arguments[0], &slot)) return NULL;
  if (isolate->securing == NULL) return sd_give_int(env, -ENOTCONN);
  return sd_give_int(env, sd_secure_remove(&shared, slot, isolate));
}

static napi_value secure_count(napi_env env, napi_callback_info info) {
  sd_isolate *isolate = sd_arguments(env, info, 0, NULL);
  return sd_give_int(env, isolate->securing == NULL ? 0 : (int64_t)sd_secure_count(&shared));
}

static napi_value pin(napi_env env, napi_callback_info info) {
  napi_value arguments[1], buffer;
  void *data, *alias;
  size_t length, bytes;
  sd_isolate *isolate = sd_arguments(env, info, 1, arguments);
  if (isolate == NULL || !take_bytes(env, arguments[0], &data, &length)) return NULL;
  int error = sd_pin(data, length, &alias, &bytes);
  if (error == 0 && isolate->securing != NULL) sd_secure_forget(&shared, alias, bytes);
  if (error == 0) error = sd_region_new(isolate, alias, bytes, true, &buffer, NULL);
  return error == 0 ? buffer : sd_give_int(env, error);
}

static napi_value guarded_read(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  uint64_t address;
  void *data;
  size_t length;
  if (sd_arguments(env, info, 2, arguments) == NULL || !sd_take_length(env, arguments[0], &address) ||
      !take_bytes(env, arguments[1], &data, &length))
    return NULL;
  return sd_give_int(env, sd_guard_read(data, address, length));
}

static napi_value guarded_write(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  uint64_t address;
  void *data;
  size_t length;
  if (sd_arguments(env, info, 2, arguments) == NULL || !sd_take_length(env, arguments[0], &address) ||
      !take_bytes(env, arguments[1], &data, &length))
    return NULL;
  return sd_give_int(env, sd_guard_write(address, data, length));
}

napi_status sd_secure_exports(sd_isolate *isolate, napi_value exports) {
  static const sd_function functions[] = {{"secureOpen", secure_open},     {"secureClose", secure_close},
                                          {"secure", secure_add},          {"secureCheck", secure_check},
                                          {"unsecure", secure_remove},     {"securedCount", secure_count},
                                          {"pin", pin},                    {"guardedRead", guarded_read},
                                          {"guardedWrite", guarded_write}};
  sd_give_property_int(isolate->env, exports, "pageBytes", sysconf(_SC_PAGESIZE));
  return sd_define(isolate, exports, functions, sizeof functions / sizeof functions[0]);
}
