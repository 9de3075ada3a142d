/* Address notices (ADDR-1..3, ADDR-6, ADDR-11). The replay happens within the registering call, as ADDR-2 has it. */
#include <errno.h>
#include <stdlib.h>

#include "../core/addresses.h"
#include "arguments.h"
#include "callback.h"

#define REPLAY_READS_MAX 4096

typedef struct sd_watcher {
  sd_isolate *isolate;
  uv_poll_t poll;
  bool closed;
  sd_addresses addresses;
  sd_context context;
  napi_ref on_change, on_replayed;
} sd_watcher;

static void on_handle_closed(uv_handle_t *handle) {
  sd_watcher *watcher = handle->data;
  sd_isolate *isolate = watcher->isolate;
  napi_handle_scope scope;
  if (napi_open_handle_scope(isolate->env, &scope) == napi_ok) {
    sd_function_drop(isolate->env, &watcher->on_change);
    sd_function_drop(isolate->env, &watcher->on_replayed);
    sd_context_close(&watcher->context);
    napi_close_handle_scope(isolate->env, scope);
  }
  sd_addresses_close(&watcher->addresses);
  free(watcher);
  sd_isolate_handle_closed(isolate);
}

/* The list is freed with the watcher, not here: a callback out of the middle of it may be what called us. */
static void watcher_close(sd_watcher *watcher) {
  if (watcher->closed) return;
  watcher->closed = true;
  watcher->isolate->watcher = NULL;
  uv_poll_stop(&watcher->poll);
  sd_netlink_close(&watcher->addresses.netlink);
  uv_close((uv_handle_t *)&watcher->poll, on_handle_closed);
}

void sd_watcher_close(sd_isolate *isolate) {
  if (isolate->watcher != NULL) watcher_close(isolate->watcher);
}

static napi_value text_of(napi_env env, const char *text) {
  napi_value value = NULL;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  return value;
}

static void on_change(void *owner, bool added, const sd_addresses_entry *entry) {
  sd_watcher *watcher = owner;
  napi_env env = watcher->isolate->env;
  napi_handle_scope scope;
  char text[SD_ADDRESS_TEXT_MAX];
  if (watcher->closed || napi_open_handle_scope(env, &scope) != napi_ok) return;
  sd_address_format(&entry->address, text);
  napi_value arguments[6] = {NULL,
                             sd_give_int(env, entry->address.family == AF_INET ? 4 : 6),
                             text_of(env, text),
                             sd_give_int(env, entry->prefix),
                             sd_give_int(env, entry->interface_index),
                             text_of(env, entry->interface_name)};
  if (napi_get_boolean(env, added, &arguments[0]) == napi_ok && arguments[2] != NULL && arguments[5] != NULL)
    sd_context_call(&watcher->context, watcher->on_change, 6, arguments);
  napi_close_handle_scope(env, scope);
}

static void on_replayed(void *owner) {
  sd_watcher *watcher = owner;
  napi_handle_scope scope;
  if (watcher->closed || napi_open_handle_scope(watcher->isolate->env, &scope) != napi_ok) return;
  sd_context_call(&watcher->context, watcher->on_replayed, 0, NULL);
  napi_close_handle_scope(watcher->isolate->env, scope);
}

/* Reads; a replay to its end, for the kernel writes it into our own reads, so this does not wait. */
static int read_notices(sd_watcher *watcher) {
  const sd_addresses *addresses = &watcher->addresses;
  int result = sd_addresses_read(&watcher->addresses);
  for (int i = 0; i < REPLAY_READS_MAX && result == 1 && !watcher->closed && (addresses->replaying || addresses->lost); i++)
    result = sd_addresses_read(&watcher->addresses);
  return result;
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  sd_watcher *watcher = poll->data;
  (void)events;
  if (watcher->closed) return;
  /* A status is libuv's word for EPOLLERR, that is ENOBUFS here; libuv has stopped watching then, reading clears it. */
  int result = read_notices(watcher);
  if (watcher->closed) return;
  if (result < 0) uv_poll_stop(poll); /* the list stays as it was last known */
  else if (status < 0) uv_poll_start(poll, UV_READABLE, on_readable);
}

static int watch(sd_isolate *isolate, napi_value changed, napi_value replayed) {
  if (isolate->closing) return -ECANCELED;
  if (isolate->watcher != NULL) return -EBUSY;
  sd_watcher *watcher = calloc(1, sizeof *watcher);
  if (watcher == NULL) return -ENOMEM;
  watcher->isolate = isolate;
  sd_addresses_init(&watcher->addresses);
  watcher->addresses.on_change = on_change;
  watcher->addresses.on_replayed = on_replayed;
  watcher->addresses.owner = watcher;
  int error = sd_addresses_open(&watcher->addresses);
  if (error == 0) error = uv_poll_init(isolate->loop, &watcher->poll, watcher->addresses.netlink.fd);
  if (error != 0) {
    sd_addresses_close(&watcher->addresses);
    free(watcher);
    return error;
  }
  watcher->poll.data = watcher;
  uv_unref((uv_handle_t *)&watcher->poll);
  sd_isolate_handle_opened(isolate);
  isolate->watcher = watcher;
  if (sd_context_open(&watcher->context, isolate->env, NULL) != napi_ok ||
      sd_function_hold(isolate->env, changed, &watcher->on_change) != napi_ok ||
      sd_function_hold(isolate->env, replayed, &watcher->on_replayed) != napi_ok)
    error = -ENOMEM;
  if (error == 0) error = uv_poll_start(&watcher->poll, UV_READABLE, on_readable);
  if (error == 0) {
    int result = read_notices(watcher);
    if (result < 0) error = result;
  }
  if (error != 0) watcher_close(watcher);
  return error;
}

static napi_value watch_addresses(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  sd_isolate *isolate = sd_arguments(env, info, 2, arguments);
  if (isolate == NULL || !sd_take_function(env, arguments[0]) || !sd_take_function(env, arguments[1])) return NULL;
  return sd_give_int(env, watch(isolate, arguments[0], arguments[1]));
}

static napi_value unwatch_addresses(napi_env env, napi_callback_info info) {
  sd_isolate *isolate = sd_arguments(env, info, 0, NULL);
  sd_watcher_close(isolate);
  return NULL;
}

napi_status sd_watcher_exports(sd_isolate *isolate, napi_value exports) {
  static const sd_function functions[] = {{"watchAddresses", watch_addresses}, {"unwatchAddresses", unwatch_addresses}};
  return sd_define(isolate, exports, functions, sizeof functions / sizeof functions[0]);
}
