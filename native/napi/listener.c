/* Listening for control connections, and making them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/control.h"
#include "arguments.h"
#include "callback.h"

#define ACCEPTS_PER_TURN 16
#define PAUSE_MS 100

typedef struct sd_listener {
  sd_isolate *isolate;
  uv_poll_t poll;
  uv_timer_t pause;
  unsigned open; /* of the two handles */
  int fd;
  int announcement; /* or -1 */
  int32_t number;
  bool closed;
  sd_context context;
  napi_ref on_accept;
} sd_listener;

static void on_handle_closed(uv_handle_t *handle) {
  sd_listener *listener = handle->data;
  sd_isolate *isolate = listener->isolate;
  if (--listener->open == 0) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(isolate->env, &scope) == napi_ok) {
      sd_function_drop(isolate->env, &listener->on_accept);
      sd_context_close(&listener->context);
      napi_close_handle_scope(isolate->env, scope);
    }
    free(listener);
  }
  sd_isolate_handle_closed(isolate);
}

static void listener_close(sd_listener *listener) {
  if (listener->closed) return;
  listener->closed = true;
  sd_slots_remove(&listener->isolate->listeners, listener->number);
  uv_poll_stop(&listener->poll);
  close(listener->fd);
  if (listener->announcement >= 0) close(listener->announcement);
  uv_close((uv_handle_t *)&listener->poll, on_handle_closed);
  uv_close((uv_handle_t *)&listener->pause, on_handle_closed);
}

void sd_listener_close_all(sd_isolate *isolate) {
  for (size_t i = 1; i <= isolate->listeners.capacity; i++) {
    sd_listener *listener = sd_slots_get(&isolate->listeners, (int32_t)i);
    if (listener != NULL) listener_close(listener);
  }
}

static void tell(sd_listener *listener, int fd) {
  napi_env env = listener->isolate->env;
  sd_credentials peer;
  if (sd_control_credentials(fd, &peer) != 0) {
    close(fd);
    return;
  }
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) {
    close(fd);
    return;
  }
  napi_value arguments[4] = {sd_give_int(env, fd), sd_give_int(env, peer.uid), sd_give_int(env, peer.gid),
                             sd_give_int(env, peer.pid)};
  sd_context_call(&listener->context, listener->on_accept, 4, arguments);
  napi_close_handle_scope(env, scope);
}

static int open_spare(void) { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

/* Out of descriptors: take one with the spare and drop it, so that the connector goes on by TCP at once (D9). */
static bool drop_one(sd_listener *listener) {
  sd_isolate *isolate = listener->isolate;
  if (isolate->spare < 0) return false;
  close(isolate->spare);
  int fd = sd_control_accept(listener->fd);
  if (fd >= 0) close(fd);
  isolate->spare = open_spare();
  return fd >= 0;
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer) {
  sd_listener *listener = timer->data;
  if (!listener->closed) uv_poll_start(&listener->poll, UV_READABLE, on_connection);
}

static void on_connection(uv_poll_t *poll, int status, int events) {
  sd_listener *listener = poll->data;
  (void)events;
  int error = status < 0 ? status : 0;
  for (int i = 0; i < ACCEPTS_PER_TURN && error == 0 && !listener->closed; i++) {
    int fd = sd_control_accept(listener->fd);
    if (fd >= 0) tell(listener, fd);
    else if (fd == -EAGAIN) return;
    else if ((fd != -EMFILE && fd != -ENFILE) || !drop_one(listener)) error = fd;
  }
  if (error == 0 || listener->closed) return;
  uv_poll_stop(poll); /* do not spin on what does not get better by itself */
  uv_timer_start(&listener->pause, on_pause_over, PAUSE_MS, 0);
}

static int listener_open(sd_isolate *isolate, const char *name, int backlog, napi_value on_accept) {
  if (isolate->closing) return -ECANCELED;
  if (isolate->spare < 0) isolate->spare = open_spare();
  int fd = sd_control_listen(name, strlen(name), backlog);
  if (fd < 0) return fd;
  sd_listener *listener = calloc(1, sizeof *listener);
  if (listener == NULL) {
    close(fd);
    return -ENOMEM;
  }
  *listener = (sd_listener){.isolate = isolate, .fd = fd, .announcement = -1, .open = 2};
  int error = uv_poll_init(isolate->loop, &listener->poll, fd);
  if (error != 0) {
    close(fd);
    free(listener);
    return error;
  }
  uv_timer_init(isolate->loop, &listener->pause);
  listener->poll.data = listener->pause.data = listener;
  uv_unref((uv_handle_t *)&listener->poll);
  uv_unref((uv_handle_t *)&listener->pause);
  sd_isolate_handle_opened(isolate);
  sd_isolate_handle_opened(isolate);
  listener->number = sd_slots_put(&isolate->listeners, listener);
  if (listener->number < 0 ||
      sd_context_open(&listener->context, isolate->env, NULL) != napi_ok ||
      sd_function_hold(isolate->env, on_accept, &listener->on_accept) != napi_ok)
    error = -ENOMEM;
  if (error == 0) error = uv_poll_start(&listener->poll, UV_READABLE, on_connection);
  int32_t number = listener->number;
  if (error != 0) listener_close(listener);
  return error != 0 ? error : number;
}

static napi_value control_listen(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  char name[SD_CONTROL_NAME_MAX + 1];
  int32_t backlog;
  sd_isolate *isolate = sd_arguments(env, info, 3, arguments);
  if (isolate == NULL || !sd_take_text(env, arguments[0], name, sizeof name) ||
      !sd_take_int(env, arguments[1], &backlog) || !sd_take_function(env, arguments[2]))
    return NULL;
  return sd_give_int(env, listener_open(isolate, name, backlog, arguments[2]));
}

static napi_value control_unlisten(napi_env env, napi_callback_info info) {
  int32_t number;
  sd_isolate *isolate = sd_only_int(env, info, &number);
  if (isolate == NULL) return NULL;
  sd_listener *listener = sd_slots_get(&isolate->listeners, number);
  if (listener == NULL) return sd_give_int(env, -EBADF);
  listener_close(listener);
  return sd_give_int(env, 0);
}

static napi_value control_announce(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  char prefix[SD_CONTROL_NAME_MAX + 1];
  int32_t number;
  uint16_t port;
  sd_isolate *isolate = sd_arguments(env, info, 3, arguments);
  if (isolate == NULL || !sd_take_int(env, arguments[0], &number) ||
      !sd_take_text(env, arguments[1], prefix, sizeof prefix) || !sd_take_port(env, arguments[2], &port))
    return NULL;
  sd_listener *listener = sd_slots_get(&isolate->listeners, number);
  if (listener == NULL) return sd_give_int(env, -EBADF);
  if (listener->announcement >= 0) return sd_give_int(env, -EINVAL);
  int fd = sd_control_announce(prefix, port);
  if (fd >= 0) listener->announcement = fd;
  return sd_give_int(env, fd < 0 ? fd : 0);
}

static napi_value control_announced(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  char prefix[SD_CONTROL_NAME_MAX + 1];
  uint16_t port;
  int32_t names;
  sd_isolate *isolate = sd_arguments(env, info, 3, arguments);
  if (isolate == NULL || !sd_take_text(env, arguments[0], prefix, sizeof prefix) ||
      !sd_take_port(env, arguments[1], &port) || !sd_take_int(env, arguments[2], &names))
    return NULL;
  return sd_give_int(env, sd_control_announced(prefix, port, names < 0 ? 0 : (unsigned)names, &isolate->probe));
}

static napi_value control_connect_first(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  char prefix[SD_CONTROL_NAME_MAX + 1];
  int32_t end;
  void *out;
  if (sd_arguments(env, info, 3, arguments) == NULL || !sd_take_text(env, arguments[0], prefix, sizeof prefix) ||
      !sd_take_int(env, arguments[1], &end) || !sd_take_array(env, arguments[2], napi_int32_array, 1, &out, NULL))
    return NULL;
  int32_t *n = out;
  unsigned number = *n < 0 ? 0 : (unsigned)*n;
  int result = sd_control_connect_first(prefix, &number, end < 0 ? 0 : (unsigned)end);
  *n = (int32_t)number;
  return sd_give_int(env, result);
}

static napi_value control_connect(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  char name[SD_CONTROL_NAME_MAX + 1];
  if (sd_arguments(env, info, 1, arguments) == NULL || !sd_take_text(env, arguments[0], name, sizeof name)) return NULL;
  return sd_give_int(env, sd_control_connect(name, strlen(name)));
}

static napi_value control_credentials(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t fd;
  void *out;
  sd_credentials peer;
  if (sd_arguments(env, info, 2, arguments) == NULL || !sd_take_int(env, arguments[0], &fd) ||
      !sd_take_array(env, arguments[1], napi_int32_array, 3, &out, NULL))
    return NULL;
  int error = sd_control_credentials(fd, &peer);
  if (error == 0) {
    int32_t *words = out;
    words[0] = (int32_t)peer.uid;
    words[1] = (int32_t)peer.gid;
    words[2] = (int32_t)peer.pid;
  }
  return sd_give_int(env, error);
}

napi_status sd_listener_exports(sd_isolate *isolate, napi_value exports) {
  static const sd_function functions[] = {{"listen", control_listen},
                                          {"unlisten", control_unlisten},
                                          {"announce", control_announce},
                                          {"announced", control_announced},
                                          {"connect", control_connect},
                                          {"connectFirst", control_connect_first},
                                          {"credentials", control_credentials}};
  return sd_define(isolate, exports, functions, sizeof functions / sizeof functions[0]);
}
