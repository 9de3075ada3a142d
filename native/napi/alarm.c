/*
 * The alarm of an isolate: one timer of libuv's, which JavaScript sees only when it is due. One of Node's own would be an
 * async resource of the program's whoever happens to set it.
 */
#include <errno.h>
#include <stdlib.h>

#include "arguments.h"
#include "callback.h"

typedef struct sd_alarm {
  sd_isolate *isolate;
  uv_timer_t timer;
  sd_context context;
  napi_ref on_due;
} sd_alarm;

static void on_handle_closed(uv_handle_t *handle) {
  sd_alarm *alarm = handle->data;
  sd_isolate *isolate = alarm->isolate;
  napi_handle_scope scope;
  if (napi_open_handle_scope(isolate->env, &scope) == napi_ok) {
    sd_function_drop(isolate->env, &alarm->on_due);
    sd_context_close(&alarm->context);
    napi_close_handle_scope(isolate->env, scope);
  }
  free(alarm);
  sd_isolate_handle_closed(isolate);
}

void sd_alarm_close(sd_isolate *isolate) {
  sd_alarm *alarm = isolate->alarm;
  if (alarm == NULL) return;
  isolate->alarm = NULL;
  uv_close((uv_handle_t *)&alarm->timer, on_handle_closed);
}

static void on_due(uv_timer_t *timer) {
  sd_alarm *alarm = timer->data;
  napi_env env = alarm->isolate->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  sd_context_call(&alarm->context, alarm->on_due, 0, NULL);
  napi_close_handle_scope(env, scope);
}

static int alarm_open(sd_isolate *isolate) {
  if (isolate->closing) return -ECANCELED;
  if (isolate->alarm != NULL) return 0;
  sd_alarm *alarm = calloc(1, sizeof *alarm);
  if (alarm == NULL) return -ENOMEM;
  alarm->isolate = isolate;
  if (sd_context_open(&alarm->context, isolate->env, NULL) != napi_ok) {
    sd_context_close(&alarm->context);
    free(alarm);
    return -ENOMEM;
  }
  uv_timer_init(isolate->loop, &alarm->timer);
  alarm->timer.data = alarm;
  uv_unref((uv_handle_t *)&alarm->timer);
  sd_isolate_handle_opened(isolate);
  isolate->alarm = alarm;
  return 0;
}

static napi_value alarm_set(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  uint64_t milliseconds;
  sd_isolate *isolate = sd_arguments(env, info, 2, arguments);
  if (isolate == NULL || !sd_take_length(env, arguments[0], &milliseconds) || !sd_take_function(env, arguments[1]))
    return NULL;
  int error = alarm_open(isolate);
  if (error != 0) return sd_give_int(env, error);
  sd_alarm *alarm = isolate->alarm;
  sd_function_drop(env, &alarm->on_due);
  if (sd_function_hold(env, arguments[1], &alarm->on_due) != napi_ok) return sd_give_int(env, -ENOMEM);
  /* libuv counts from the begin of the loop's turn, which may be long ago. */
  uint64_t begun = uv_now(isolate->loop), now = uv_hrtime() / 1000000u;
  uv_timer_start(&alarm->timer, on_due, milliseconds + (now > begun ? now - begun : 0), 0);
  return sd_give_int(env, 0);
}

napi_status sd_alarm_exports(sd_isolate *isolate, napi_value exports) {
  static const sd_function functions[] = {{"alarm", alarm_set}};
  return sd_define(isolate, exports, functions, sizeof functions / sizeof functions[0]);
}
