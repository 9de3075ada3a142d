/*
 * Calls of Node's own native functions as libuv makes them: from the event loop, with no callback around them. A native
 * consumer of a stream (an HTTP parser, HTTP/2, TLS) calls the program several times for one chunk; each of these calls then
 * is a callback of its own, after which ticks and microtasks run. Inside a callback of ours they would run after the chunk.
 *
 * What JavaScript has to deliver it keeps in a list; `next` takes the first of it and says what is to be done.
 */
#include <errno.h>

#include "arguments.h"
#include "callback.h"

/* What `next` answers; CALL: the function, `this` and the argument are in the array. */
enum { DELIVER_NOTHING = 0, DELIVER_CALL = 1, DELIVER_CALL_AND_ASK = 2, DELIVER_SCOPED = 3 };

static napi_value held(napi_env env, napi_ref reference) {
  napi_value value;
  return reference != NULL && napi_get_reference_value(env, reference, &value) == napi_ok ? value : NULL;
}

static bool call(sd_isolate *isolate, napi_ref function, size_t count, const napi_value *arguments, napi_value *result) {
  napi_env env = isolate->env;
  napi_value target = held(env, function), self;
  if (target == NULL || napi_get_undefined(env, &self) != napi_ok) return false;
  napi_status status = napi_call_function(env, self, target, count, arguments, result);
  if (status != napi_ok) sd_callback_report(env, status);
  return status == napi_ok;
}

/* Node's way to have ticks run. */
static void set_ticks(sd_isolate *isolate, napi_ref function) {
  napi_value argument = held(isolate->env, function), result;
  if (argument != NULL) call(isolate, isolate->delivery.set_ticks, 1, &argument, &result);
}

/*
 * In the place of Node's own while something is delivered. What a tick throws must not reach the native consumer, which
 * would go on with its chunk in the context of the tick that was left in the middle: Node aborts over that, if it has async
 * hooks. On a stream of libuv's nobody is there to catch it, and it becomes an uncaughtException at once. Here, too.
 */
static napi_value guarded_ticks(napi_env env, napi_callback_info info) {
  void *data;
  napi_value self, result;
  if (napi_get_cb_info(env, info, NULL, NULL, &self, &data) != napi_ok) return NULL;
  bool failed = ((sd_isolate *)data)->delivery.failed;
  ((sd_isolate *)data)->delivery.failed = false;
  if (failed) return NULL; /* after a callback that threw Node runs none, either */
  napi_value ticks = held(env, ((sd_isolate *)data)->delivery.ticks);
  if (ticks == NULL) return NULL;
  napi_status status = napi_call_function(env, self, ticks, 0, NULL, &result);
  if (status != napi_ok) sd_callback_report(env, status);
  return NULL;
}

static void call_native(sd_isolate *isolate, napi_value array) {
  napi_env env = isolate->env;
  napi_value function, self, argument, nothing, result;
  if (napi_get_element(env, array, 0, &function) != napi_ok || napi_get_element(env, array, 1, &self) != napi_ok ||
      napi_get_element(env, array, 2, &argument) != napi_ok || napi_get_undefined(env, &nothing) != napi_ok)
    return;
  /* The array lives on; what is in it must not by that. */
  (void)napi_set_element(env, array, 1, nothing);
  (void)napi_set_element(env, array, 2, nothing);
  napi_status status = napi_call_function(env, self, function, 1, &argument, &result);
  if (status != napi_ok) sd_callback_report(env, status);
}

/* In a callback scope, for who has let go of the stream meanwhile. */
static void call_scoped(sd_isolate *isolate, napi_value array) {
  napi_env env = isolate->env;
  napi_value function = held(env, isolate->delivery.scoped), result;
  if (function == NULL) return;
  napi_status status = napi_make_callback(env, NULL, array, function, 0, NULL, &result);
  if (status != napi_ok) sd_callback_report(env, status);
}

/* false: there is nothing more, as far as is known. */
static bool deliver_next(sd_isolate *isolate) {
  napi_env env = isolate->env;
  napi_handle_scope scope;
  napi_value answer;
  int32_t what = DELIVER_NOTHING;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
  napi_value array = held(env, isolate->delivery.array);
  if (array != NULL && call(isolate, isolate->delivery.next, 0, NULL, &answer))
    (void)napi_get_value_int32(env, answer, &what);
  if (what == DELIVER_CALL || what == DELIVER_CALL_AND_ASK) call_native(isolate, array);
  else if (what == DELIVER_SCOPED) call_scoped(isolate, array);
  napi_close_handle_scope(env, scope);
  return what == DELIVER_CALL_AND_ASK || what == DELIVER_SCOPED;
}

void sd_delivery_run(sd_isolate *isolate) {
  if (!isolate->delivery.due || isolate->delivery.inside != 0) return;
  napi_handle_scope scope;
  if (napi_open_handle_scope(isolate->env, &scope) != napi_ok) return;
  isolate->delivery.inside++;
  isolate->delivery.failed = false;
  set_ticks(isolate, isolate->delivery.guard);
  while (isolate->delivery.due && !isolate->closing) {
    isolate->delivery.due = false;
    while (!isolate->closing && deliver_next(isolate)) continue;
  }
  set_ticks(isolate, isolate->delivery.ticks);
  isolate->delivery.inside--;
  napi_close_handle_scope(isolate->env, scope);
}

static void on_soon(uv_idle_t *idle) {
  uv_idle_stop(idle);
  sd_delivery_run(idle->data);
}

/* (next, scoped, array, setTicks, ticks) */
static napi_value delivery_deliver_by(napi_env env, napi_callback_info info) {
  napi_value arguments[5], guard;
  sd_isolate *isolate = sd_arguments(env, info, 5, arguments);
  if (isolate == NULL || !sd_take_function(env, arguments[0]) || !sd_take_function(env, arguments[1]) ||
      !sd_take_object(env, arguments[2]) || !sd_take_function(env, arguments[3]) ||
      !sd_take_function(env, arguments[4]))
    return NULL;
  int error = sd_loop_open(isolate);
  if (error != 0) return sd_give_int(env, error);
  sd_delivery *delivery = &isolate->delivery;
  napi_ref *const places[] = {&delivery->next, &delivery->scoped, &delivery->array, &delivery->set_ticks, &delivery->ticks};
  napi_status status = napi_create_function(env, "ticks", NAPI_AUTO_LENGTH, guarded_ticks, isolate, &guard);
  for (int i = 0; i < 5 && status == napi_ok; i++) {
    sd_function_drop(env, places[i]);
    status = sd_function_hold(env, arguments[i], places[i]);
  }
  sd_function_drop(env, &delivery->guard);
  if (status == napi_ok) status = sd_function_hold(env, guard, &delivery->guard);
  return sd_give_int(env, status == napi_ok ? 0 : -ENOMEM);
}

/*
 * What a callback threw that a native consumer made: told now, as on a stream of libuv's, and not when the consumer is
 * through with its chunk.
 */
static napi_value delivery_uncaught(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  sd_isolate *isolate = sd_arguments(env, info, 1, arguments);
  if (isolate == NULL) return NULL;
  isolate->delivery.failed = true;
  napi_fatal_exception(env, arguments[0]);
  return NULL;
}

static napi_value delivery_deliver_soon(napi_env env, napi_callback_info info) {
  sd_isolate *isolate = sd_arguments(env, info, 0, NULL);
  if (isolate == NULL) return NULL;
  isolate->delivery.due = true;
  if (isolate->delivery.inside == 0 && isolate->loop_open) uv_idle_start(&isolate->delivery.idle, on_soon);
  return NULL;
}

napi_status sd_delivery_exports(sd_isolate *isolate, napi_value exports) {
  static const sd_function functions[] = {{"deliverBy", delivery_deliver_by},
                                          {"deliverSoon", delivery_deliver_soon},
                                          {"uncaught", delivery_uncaught}};
  return sd_define(isolate, exports, functions, sizeof functions / sizeof functions[0]);
}
