/* Links: one control connection each, and, once attached, a pair of rings (DESIGN D3). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/control.h"
#include "../core/memory.h"
#include "arguments.h"
#include "link.h"

#define PACKETS_PER_TURN 64

static void on_handle_closed(uv_handle_t *handle) {
  sd_link *link = handle->data;
  sd_isolate *isolate = link->isolate;
  napi_env env = isolate->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) == napi_ok) {
    sd_function_drop(env, &link->on_packet);
    sd_function_drop(env, &link->on_closed);
    sd_function_drop(env, &link->drain);
    sd_context_close(&link->context);
    napi_close_handle_scope(env, scope);
  }
  free(link);
  sd_isolate_handle_closed(isolate);
}

/* The descriptor closes now, so that the peer learns of it now; the rest when the loop is out of all callbacks. */
static void link_close(sd_link *link) {
  if (link->closed) return;
  link->closed = true;
  sd_slots_remove(&link->isolate->links, link->number);
  sd_pump_remove(&link->isolate->pump, &link->pump);
  uv_poll_stop(&link->poll);
  sd_link_access_close(link);
  close(link->fd);
  if (link->memory != NULL) sd_region_unuse(link->memory);
  if (link->state != NULL) sd_region_unuse(link->state);
  link->memory = link->state = NULL;
  uv_close((uv_handle_t *)&link->poll, on_handle_closed);
}

void sd_link_close_all(sd_isolate *isolate) {
  sd_link_access_end(isolate);
  for (size_t i = 1; i <= isolate->links.capacity; i++) {
    sd_link *link = sd_slots_get(&isolate->links, (int32_t)i);
    if (link != NULL) link_close(link);
  }
}

/* Within a handle scope. What the callback has left to be delivered outside of it follows. */
static void call(sd_link *link, napi_ref function, size_t count, const napi_value *arguments) {
  sd_isolate *isolate = link->isolate;
  isolate->delivery.inside++;
  sd_context_call(&link->context, function, count, arguments);
  isolate->delivery.inside--;
  sd_delivery_run(isolate);
}

/* The link is over; JavaScript is told once and then closes it. */
static void report_closed(sd_link *link, int error) {
  if (link->closed || link->reported) return;
  link->reported = true;
  sd_pump_remove(&link->isolate->pump, &link->pump);
  uv_poll_stop(&link->poll);
  napi_env env = link->isolate->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value argument = sd_give_int(env, error);
  call(link, link->on_closed, 1, &argument);
  napi_close_handle_scope(env, scope);
}

void sd_link_event(void *owner, sd_pump_event event) {
  sd_link *link = owner;
  if (event == SD_PUMP_ENDED) report_closed(link, 0);
  else if (event == SD_PUMP_STALLED) report_closed(link, -EPROTO);
  if (event != SD_PUMP_DRAIN) return;
  napi_env env = link->isolate->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  call(link, link->drain, 0, NULL);
  napi_close_handle_scope(env, scope);
}

static void deliver_packet(sd_link *link, const uint8_t *bytes, size_t length, int passed) {
  napi_env env = link->isolate->env;
  napi_handle_scope scope;
  napi_value buffer, arguments[2];
  void *copy;
  bool delivered = false;
  if (napi_open_handle_scope(env, &scope) == napi_ok) {
    if (napi_create_arraybuffer(env, length, &copy, &buffer) == napi_ok &&
        napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &arguments[0]) == napi_ok) {
      memcpy(copy, bytes, length);
      arguments[1] = sd_give_int(env, passed);
      call(link, link->on_packet, 2, arguments);
      delivered = true;
    }
    napi_close_handle_scope(env, scope);
  }
  if (!delivered && passed >= 0) close(passed);
}

/* The peer is gone. What it published before must still be delivered (D7): the pump says when that is done. */
static void peer_ended(sd_link *link) {
  link->ended = true;
  uv_poll_stop(&link->poll);
  if (link->pump.attached) sd_pump_end(&link->isolate->pump, &link->pump);
  else report_closed(link, 0);
}

/* false: there was nothing at all. */
static bool receive_packets(sd_link *link) {
  uint8_t bytes[SD_CONTROL_PACKET_MAX];
  for (int i = 0; i < PACKETS_PER_TURN && !link->closed && !link->reported; i++) {
    int passed;
    int received = sd_control_receive(link->fd, bytes, sizeof bytes, &passed);
    if (received == -EAGAIN) return i != 0;
    if (received == -ECONNRESET) continue; /* it closed with packets of ours unread; what it sent still comes, then 0 */
    if (received < 0) {
      report_closed(link, received);
    } else if (received == 0) {
      peer_ended(link);
      return true;
    } else if (received == 1 && bytes[0] == SD_CONTROL_BELL) {
      link->isolate->pump.stats.bells++;
      if (passed >= 0) close(passed);
      return true; /* rarely does anything follow, and then the loop comes back at once */
    } else {
      deliver_packet(link, bytes, (size_t)received, passed);
    }
  }
  return true;
}

/*
 * Rings first: that is what somebody waits for. A status is libuv's word for EPOLLERR, after which it has stopped
 * watching: the socket has an error to tell, which receiving takes off it, and packets and the end come after it.
 */
static void on_readable(uv_poll_t *poll, int status, int events) {
  sd_link *link = poll->data;
  sd_isolate *isolate = link->isolate;
  (void)events;
  if (link->pump.attached) {
    sd_loop_say_awake(isolate);
    if (!isolate->pump.awake) sd_outcome_run(isolate); /* else it was run before the poll */
    sd_pump_bell(&isolate->pump, &link->pump);
  }
  bool found = receive_packets(link);
  if (status < 0 && !found) report_closed(link, status);
  else if (status < 0 && !link->closed && !link->reported && !link->ended) uv_poll_start(poll, UV_READABLE, on_readable);
  sd_pump_served(&isolate->pump);
  sd_loop_sync(isolate);
}

static int link_open(sd_isolate *isolate, int fd, const napi_value *arguments) {
  if (isolate->closing) return -ECANCELED;
  int error = sd_loop_open(isolate);
  if (error != 0) return error;
  sd_link *link = calloc(1, sizeof *link);
  if (link == NULL) return -ENOMEM;
  *link = (sd_link){.isolate = isolate, .fd = fd, .peer = {.pidfd = -1, .control = fd}};
  link->pump.owner = link;
  error = uv_poll_init(isolate->loop, &link->poll, fd);
  if (error != 0) {
    free(link);
    return error;
  }
  link->poll.data = link;
  uv_unref((uv_handle_t *)&link->poll);
  sd_isolate_handle_opened(isolate);
  napi_env env = isolate->env;
  link->number = sd_slots_put(&isolate->links, link);
  if (link->number < 0 || sd_context_open(&link->context, env, arguments[1]) != napi_ok ||
      sd_function_hold(env, arguments[2], &link->on_packet) != napi_ok ||
      sd_function_hold(env, arguments[3], &link->on_closed) != napi_ok)
    error = -ENOMEM;
  if (error == 0) error = uv_poll_start(&link->poll, UV_READABLE, on_readable);
  if (error == 0) return link->number;
  /* The descriptor stays the caller's when we fail: link_close must not close it. */
  link->fd = -1;
  link_close(link);
  return error;
}

static napi_value control_link_open(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  int32_t fd;
  sd_isolate *isolate = sd_arguments(env, info, 4, arguments);
  if (isolate == NULL || !sd_take_int(env, arguments[0], &fd) || !sd_take_object(env, arguments[1]) ||
      !sd_take_function(env, arguments[2]) || !sd_take_function(env, arguments[3]))
    return NULL;
  return sd_give_int(env, fd < 0 ? -EBADF : link_open(isolate, fd, arguments));
}

static napi_value control_link_send(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  int32_t number, passed;
  void *bytes;
  size_t length;
  sd_isolate *isolate = sd_arguments(env, info, 3, arguments);
  if (isolate == NULL || !sd_take_int(env, arguments[0], &number) ||
      !sd_take_array(env, arguments[1], napi_uint8_array, 0, &bytes, &length) ||
      !sd_take_int(env, arguments[2], &passed))
    return NULL;
  sd_link *link = sd_slots_get(&isolate->links, number);
  return sd_give_int(env, link == NULL ? -EBADF : sd_control_send(link->fd, bytes, length, passed));
}

/* NULL: done. Else what is wrong, in words. */
static const char *attach(sd_link *link, sd_region *memory, int role, napi_value drain, napi_value *state) {
  static const char *const exhausted = "out of memory";
  sd_isolate *isolate = link->isolate;
  size_t bytes = SD_STATE_WORDS * sizeof(uint32_t);
  sd_region *private_block;
  if (link->reported || link->memory != NULL) return "the link is closed, or attached already";
  if (link->drain == NULL && sd_function_hold(isolate->env, drain, &link->drain) != napi_ok) return exhausted;
  void *block = calloc(1, bytes);
  if (block == NULL || sd_region_new(isolate, block, bytes, false, state, &private_block) != 0) return exhausted;
  link->pump.tx = sd_layout_direction(memory->memory, role == 0 ? 0 : 1);
  link->pump.rx = sd_layout_direction(memory->memory, role == 0 ? 1 : 0);
  link->pump.state = block;
  if (sd_pump_add(&isolate->pump, &link->pump) != 0) return exhausted; /* the block goes with its ArrayBuffer */
  link->state = private_block;
  link->memory = memory;
  link->access = (sd_access){.memory = memory->memory, .own_end = (unsigned)role};
  sd_region_use(private_block);
  sd_region_use(memory);
  sd_loop_sync(isolate);
  sd_memory_keep_freed();
  return NULL;
}

static napi_value control_link_attach(napi_env env, napi_callback_info info) {
  napi_value arguments[5], state = NULL;
  int32_t number, role;
  uint64_t ring_bytes;
  sd_isolate *isolate = sd_arguments(env, info, 5, arguments);
  if (isolate == NULL || !sd_take_int(env, arguments[0], &number) || !sd_take_int(env, arguments[2], &role) ||
      !sd_take_length(env, arguments[3], &ring_bytes) || !sd_take_function(env, arguments[4]))
    return NULL;
  sd_link *link = sd_slots_get(&isolate->links, number);
  sd_region *memory = sd_region_of(isolate, arguments[1]);
  const char *wrong = NULL;
  if (link == NULL) wrong = "no such link";
  else if (memory == NULL || !memory->mapped) wrong = "not memory that map() returned, or released";
  else if (role != 0 && role != 1) wrong = "the role is 0 or 1";
  else if (sd_layout_check(memory->bytes, ring_bytes) != 0) wrong = "the memory cannot hold rings of that size";
  else wrong = attach(link, memory, role, arguments[4], &state);
  if (wrong == NULL) return state;
  napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", wrong);
  return NULL;
}

static napi_value control_link_own(napi_env env, napi_callback_info info) {
  int32_t number;
  sd_isolate *isolate = sd_only_int(env, info, &number);
  if (isolate == NULL) return NULL;
  sd_link *link = sd_slots_get(&isolate->links, number);
  if (link != NULL) link->pump.own = true;
  return NULL;
}

static napi_value control_link_bell(napi_env env, napi_callback_info info) {
  int32_t number;
  sd_isolate *isolate = sd_only_int(env, info, &number);
  if (isolate == NULL) return NULL;
  sd_link *link = sd_slots_get(&isolate->links, number);
  if (link == NULL || sd_control_bell(link->fd) == 0) return NULL;
  sd_pump_rang(&isolate->pump);
  sd_pump_wake(&isolate->pump);
  sd_loop_sync(isolate);
  return NULL;
}

static napi_value control_link_close(napi_env env, napi_callback_info info) {
  int32_t number;
  sd_isolate *isolate = sd_only_int(env, info, &number);
  if (isolate == NULL) return NULL;
  sd_link *link = sd_slots_get(&isolate->links, number);
  if (link == NULL) return sd_give_int(env, -EBADF);
  link_close(link);
  return sd_give_int(env, 0);
}

napi_status sd_link_exports(sd_isolate *isolate, napi_value exports) {
  static const sd_function functions[] = {{"linkOpen", control_link_open},     {"linkSend", control_link_send},
                                          {"linkAttach", control_link_attach}, {"linkOwn", control_link_own},
                                          {"linkBell", control_link_bell},     {"linkClose", control_link_close}};
  return sd_define(isolate, exports, functions, sizeof functions / sizeof functions[0]);
}
