/*
 * The pump inside libuv's loop (DESIGN D6). While the pump is awake an idle handle keeps the loop from blocking and a
 * check handle gives the pump its turn; both are unreferenced, so they never keep a program alive.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "arguments.h"
#include "callback.h"

uint64_t sd_loop_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void on_idle(uv_idle_t *idle) {
  sd_isolate *isolate = idle->data;
  isolate->others_ran = uv_now(isolate->loop) >= isolate->others_due;
  sd_outcome_run(isolate);
  sd_pump_begin(&isolate->pump);
}
static void on_keepalive(uv_prepare_t *prepare) { (void)prepare; }

static uint64_t polled_events(const sd_isolate *isolate) {
  uv_metrics_t metrics;
  uv_metrics_info(isolate->loop, &metrics);
  return metrics.events;
}

/*
 * Whether all that the loop did since our last turn was to ask the kernel in vain. What is called for without an event, and
 * without a trace that we could see here, is an immediate that was unreferenced, and other addons' handles of our kinds.
 */
static bool is_undisturbed(void *context) {
  const sd_isolate *isolate = context;
  return !isolate->others_ran && polled_events(isolate) == isolate->events;
}

/* Our turn is over: until when nothing but events can have the loop do something. */
static void expect_others(sd_isolate *isolate) {
  int timeout = uv_backend_timeout(isolate->loop); /* 0 as well if something waits now */
  isolate->others_due = timeout < 0 ? UINT64_MAX : uv_now(isolate->loop) + (uint64_t)timeout;
  isolate->events = polled_events(isolate);
}

static void on_check(uv_check_t *check) {
  sd_isolate *isolate = check->data;
  uv_idle_stop(&isolate->idle); /* see is_pressed */
  sd_pump_turn(&isolate->pump);
  expect_others(isolate);
  sd_loop_sync(isolate);
  if (isolate->turning) uv_idle_start(&isolate->idle, on_idle);
  /* Looking must not keep another thread from the core: it may be the very one that has to answer, or a compiler's. */
  if (isolate->pump.awake) sched_yield();
}

static void on_handle_closed(uv_handle_t *handle) { sd_isolate_handle_closed(handle->data); }

/*
 * Whether the loop has something else to do at once: callbacks of setImmediate(), of closed handles, timers that are due.
 * Only our own idle handle is in the way of asking, and during the pump's turn it is stopped.
 */
static bool is_pressed(void *context) {
  const sd_isolate *isolate = context;
  return uv_backend_timeout(isolate->loop) == 0;
}

int sd_loop_open(sd_isolate *isolate) {
  if (isolate->closing) return -ECANCELED;
  if (isolate->loop_open) return 0;
  isolate->pump.pressed = is_pressed;
  isolate->pump.undisturbed = is_undisturbed;
  isolate->pump.context = isolate;
  uv_idle_init(isolate->loop, &isolate->idle);
  uv_check_init(isolate->loop, &isolate->check);
  uv_prepare_init(isolate->loop, &isolate->keepalive);
  uv_idle_init(isolate->loop, &isolate->delivery.idle);
  isolate->idle.data = isolate->check.data = isolate->keepalive.data = isolate->delivery.idle.data = isolate;
  uv_unref((uv_handle_t *)&isolate->idle);
  uv_unref((uv_handle_t *)&isolate->check);
  for (int i = 0; i < 4; i++) sd_isolate_handle_opened(isolate);
  isolate->loop_open = true;
  return 0;
}

void sd_loop_close(sd_isolate *isolate) {
  if (!isolate->loop_open) return;
  isolate->loop_open = false;
  uv_close((uv_handle_t *)&isolate->idle, on_handle_closed);
  uv_close((uv_handle_t *)&isolate->check, on_handle_closed);
  uv_close((uv_handle_t *)&isolate->keepalive, on_handle_closed);
  uv_close((uv_handle_t *)&isolate->delivery.idle, on_handle_closed);
}

static void say(const sd_isolate *isolate, bool awake) {
  if (isolate->block != NULL && isolate->block->memory != NULL) *(int32_t *)isolate->block->memory = awake;
}

void sd_loop_say_awake(const sd_isolate *isolate) { say(isolate, true); }

void sd_loop_sync(sd_isolate *isolate) {
  if (!isolate->loop_open) return;
  sd_pump *pump = &isolate->pump;
  say(isolate, pump->awake || pump->told || pump->max_spin == 0);
  if (pump->awake == isolate->turning) return;
  isolate->turning = pump->awake;
  if (pump->awake) {
    uv_idle_start(&isolate->idle, on_idle);
    uv_check_start(&isolate->check, on_check);
  } else {
    uv_idle_stop(&isolate->idle);
    uv_check_stop(&isolate->check);
  }
}

static napi_value loop_isolate(napi_env env, napi_callback_info info) {
  sd_isolate *isolate = sd_arguments(env, info, 0, NULL);
  napi_value buffer;
  int error = sd_loop_open(isolate);
  if (error != 0) return sd_give_int(env, error);
  size_t bytes = SD_STATE_WORDS * sizeof(int32_t);
  void *memory = calloc(1, bytes);
  if (memory == NULL) return sd_give_int(env, -ENOMEM);
  sd_region *region;
  error = sd_region_new(isolate, memory, bytes, false, &buffer, &region);
  if (error != 0) return sd_give_int(env, error);
  sd_region_use(region);
  if (isolate->block != NULL) sd_region_unuse(isolate->block);
  isolate->block = region;
  sd_loop_sync(isolate);
  return buffer;
}

static napi_value loop_wake(napi_env env, napi_callback_info info) {
  sd_isolate *isolate = sd_arguments(env, info, 0, NULL);
  if (sd_loop_open(isolate) != 0) return NULL;
  sd_pump_wake(&isolate->pump);
  sd_loop_sync(isolate);
  return NULL;
}

static napi_value loop_set_spin(napi_env env, napi_callback_info info) {
  int32_t microseconds;
  sd_isolate *isolate = sd_only_int(env, info, &microseconds);
  if (isolate == NULL) return NULL;
  if (microseconds < 0 || microseconds > (int32_t)(SD_SPIN_MAX_NS / 1000)) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "0 to 200 microseconds");
    return NULL;
  }
  sd_pump_set_spin(&isolate->pump, (uint32_t)microseconds * 1000);
  if (sd_loop_open(isolate) == 0) sd_loop_sync(isolate);
  return NULL;
}

static napi_value loop_hold(napi_env env, napi_callback_info info) {
  int32_t delta;
  sd_isolate *isolate = sd_only_int(env, info, &delta);
  if (isolate == NULL) return NULL;
  if (isolate->holds + delta < 0) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "more references given back than taken");
    return NULL;
  }
  isolate->holds += delta;
  if (sd_loop_open(isolate) != 0) return NULL;
  if (isolate->holds > 0) uv_prepare_start(&isolate->keepalive, on_keepalive);
  else uv_prepare_stop(&isolate->keepalive);
  return NULL;
}

/* A handle that is there to be closed: what waits for the loop's phase for that, as a socket's close does. */
typedef struct sd_closing {
  sd_isolate *isolate;
  uv_idle_t handle;
  sd_context context;
  napi_ref then;
} sd_closing;

static void on_closing_done(uv_handle_t *handle) {
  sd_closing *closing = handle->data;
  sd_isolate *isolate = closing->isolate;
  napi_handle_scope scope;
  if (napi_open_handle_scope(isolate->env, &scope) == napi_ok) {
    if (!isolate->closing) sd_context_call(&closing->context, closing->then, 0, NULL);
    sd_function_drop(isolate->env, &closing->then);
    sd_context_close(&closing->context);
    napi_close_handle_scope(isolate->env, scope);
  }
  free(closing);
  sd_isolate_handle_closed(isolate);
}

static int close_late(sd_isolate *isolate, napi_value then) {
  if (isolate->closing) return -ECANCELED;
  sd_closing *closing = calloc(1, sizeof *closing);
  if (closing == NULL) return -ENOMEM;
  closing->isolate = isolate;
  if (sd_context_open(&closing->context, isolate->env, then) != napi_ok ||
      sd_function_hold(isolate->env, then, &closing->then) != napi_ok) {
    sd_context_close(&closing->context);
    free(closing);
    return -ENOMEM;
  }
  uv_idle_init(isolate->loop, &closing->handle);
  closing->handle.data = closing;
  sd_isolate_handle_opened(isolate);
  uv_close((uv_handle_t *)&closing->handle, on_closing_done);
  return 0;
}

static napi_value loop_close_late(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  sd_isolate *isolate = sd_arguments(env, info, 1, arguments);
  if (isolate == NULL || !sd_take_function(env, arguments[0])) return NULL;
  return sd_give_int(env, close_late(isolate, arguments[0]));
}

static napi_value loop_stats(napi_env env, napi_callback_info info) {
  sd_isolate *isolate = sd_arguments(env, info, 0, NULL);
  const sd_pump_stats *stats = &isolate->pump.stats;
  napi_value result;
  if (napi_create_object(env, &result) != napi_ok) return NULL;
  sd_give_property_int(env, result, "turns", (int64_t)stats->turns);
  sd_give_property_int(env, result, "drains", (int64_t)stats->drains);
  sd_give_property_int(env, result, "bells", (int64_t)stats->bells);
  sd_give_property_int(env, result, "bellsSent", (int64_t)stats->bells_sent);
  sd_give_property_int(env, result, "spins", (int64_t)stats->spins);
  sd_give_property_int(env, result, "spinHits", (int64_t)stats->spin_hits);
  sd_give_property_int(env, result, "sleeps", (int64_t)stats->sleeps);
  sd_give_property_int(env, result, "polledNanoseconds", (int64_t)stats->polled);
  return result;
}

napi_status sd_loop_exports(sd_isolate *isolate, napi_value exports) {
  static const sd_function functions[] = {{"isolate", loop_isolate}, {"wake", loop_wake},
                                          {"setSpin", loop_set_spin}, {"hold", loop_hold},
                                          {"closeLate", loop_close_late},
                                          {"loopStats", loop_stats}};
  return sd_define(isolate, exports, functions, sizeof functions / sizeof functions[0]);
}
