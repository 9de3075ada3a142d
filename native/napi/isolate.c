#include "isolate.h"

#include <stdlib.h>
#include <unistd.h>

static void instance_finalized(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  sd_isolate_unref(data);
}

void sd_isolate_ref(sd_isolate *isolate) { isolate->refs++; }

void sd_isolate_unref(sd_isolate *isolate) {
  if (--isolate->refs != 0) return;
  sd_slots_free(&isolate->links);
  sd_slots_free(&isolate->listeners);
  sd_pump_free(&isolate->pump);
  free(isolate);
}

static void finish(sd_isolate *isolate) {
  napi_remove_async_cleanup_hook(isolate->hook);
  sd_isolate_unref(isolate);
}

/* The environment ends (worker.terminate() too): peers must see our descriptors close, no callback may follow. */
static void environment_ends(napi_async_cleanup_hook_handle hook, void *data) {
  sd_isolate *isolate = data;
  isolate->hook = hook;
  isolate->closing = true;
  sd_link_close_all(isolate);
  sd_listener_close_all(isolate);
  sd_watcher_close(isolate);
  sd_secure_close_isolate(isolate);
  sd_alarm_close(isolate);
  sd_loop_close(isolate);
  sd_outcome_close(isolate);
  if (isolate->block != NULL) sd_region_unuse(isolate->block);
  isolate->block = NULL;
  sd_region_release_all(isolate);
  sd_netlink_close(&isolate->diag);
  sd_netlink_close(&isolate->route);
  if (isolate->probe >= 0) close(isolate->probe);
  isolate->probe = -1;
  if (isolate->spare >= 0) close(isolate->spare);
  isolate->spare = -1;
  if (isolate->open_handles == 0) finish(isolate);
}

void sd_isolate_handle_opened(sd_isolate *isolate) { isolate->open_handles++; }

void sd_isolate_handle_closed(sd_isolate *isolate) {
  if (--isolate->open_handles == 0 && isolate->closing) finish(isolate);
}

sd_isolate *sd_isolate_new(napi_env env) {
  sd_isolate *isolate = calloc(1, sizeof *isolate);
  if (isolate == NULL) return NULL;
  isolate->env = env;
  isolate->probe = -1;
  isolate->spare = -1;
  sd_netlink_init(&isolate->diag, NETLINK_SOCK_DIAG);
  sd_netlink_init(&isolate->route, NETLINK_ROUTE);
  sd_pump_init(&isolate->pump, sd_link_event, sd_loop_clock, 0);
  isolate->refs = 1;
  if (napi_get_uv_event_loop(env, &isolate->loop) != napi_ok ||
      napi_set_instance_data(env, isolate, instance_finalized, NULL) != napi_ok) {
    free(isolate);
    return NULL;
  }
  sd_isolate_ref(isolate);
  if (napi_add_async_cleanup_hook(env, environment_ends, isolate, &isolate->hook) == napi_ok) return isolate;
  sd_isolate_unref(isolate); /* the instance data keeps the other reference and frees it */
  return NULL;
}
