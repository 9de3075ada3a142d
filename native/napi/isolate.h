/*
 * What one JavaScript environment (main thread, worker, context) has of this addon. Everything hangs here, and next to
 * nothing is static (secure.c has what must be), so that the addon may be loaded any number of times in a process (DESIGN D11).
 */
#ifndef SD_ISOLATE_H
#define SD_ISOLATE_H

#ifndef NAPI_VERSION
#define NAPI_VERSION 8
#endif
#include <node_api.h>
#include <stdbool.h>
#include <uv.h>

#include "../core/netlink.h"
#include "../core/pump.h"
#include "region.h"
#include "slots.h"

/* Raised with every change of the JavaScript surface; src/proxy-driver/addon.ts expects exactly this one. */
#define SD_ABI 8

struct sd_watcher;
struct sd_securing;
struct sd_alarm;

/* delivery.c */
typedef struct sd_delivery {
  napi_ref next, scoped, array, set_ticks, ticks, guard;
  uv_idle_t idle;  /* active: something is due, and no callback of ours is under way whose end would see to it */
  unsigned inside; /* callbacks into JavaScript that end with sd_delivery_run */
  bool due;
  bool failed; /* a callback threw, and what it threw has been told */
} sd_delivery;

typedef struct sd_isolate {
  napi_env env;
  uv_loop_t *loop;
  napi_async_cleanup_hook_handle hook;
  unsigned refs;         /* the hook, the instance data, every region that JavaScript may hold */
  unsigned open_handles; /* uv handles whose close callback has not run */
  bool closing;
  bool loop_open; /* the four handles below are initialised */
  bool turning;   /* idle and check are active */
  uv_idle_t idle; /* active: the loop does not block */
  uv_check_t check;
  uv_prepare_t keepalive; /* active: SAN sockets hold the loop */
  uint64_t events;     /* at the end of our last turn: those that the loop had had */
  uint64_t others_due; /* the loop's time from when others than events may have been served since */
  bool others_ran;     /* as seen when this turn of the loop began */
  sd_delivery delivery;
  struct {
    napi_ref tell;
    sd_region *block; /* [0]: how often it is to be called; written by JavaScript */
  } outcome; /* outcome.c */
  int64_t holds;
  sd_pump pump;
  sd_region *block; /* [0]: awake, or told that the program sends; read by JavaScript */
  sd_slots links;
  sd_slots listeners;
  sd_region *regions;
  sd_netlink diag;
  sd_netlink route;
  struct sd_watcher *watcher;
  struct sd_securing *securing;
  struct sd_alarm *alarm;
  int probe; /* asks for announcements; -1: not made yet */
  int spare; /* given up for a moment to accept and drop a connection when descriptors are used up */
} sd_isolate;

sd_isolate *sd_isolate_new(napi_env env);
void sd_isolate_ref(sd_isolate *isolate);
void sd_isolate_unref(sd_isolate *isolate);

/* For every uv handle: opened once initialised, closed in its close callback. */
void sd_isolate_handle_opened(sd_isolate *isolate);
void sd_isolate_handle_closed(sd_isolate *isolate);

/* loop.c */
int sd_loop_open(sd_isolate *isolate);
void sd_loop_close(sd_isolate *isolate);
void sd_loop_sync(sd_isolate *isolate); /* after anything that may have woken the pump or let it sleep */
void sd_loop_say_awake(const sd_isolate *isolate); /* the pump is about to be woken */
uint64_t sd_loop_clock(void);

/* delivery.c: what is due, with no callback scope around it. Comes from the event loop itself. */
void sd_delivery_run(sd_isolate *isolate);

/* outcome.c: before anything that the loop found in its poll */
void sd_outcome_run(sd_isolate *isolate);
void sd_outcome_close(sd_isolate *isolate);

/* link.c, listener.c, watcher.c, secure.c, alarm.c: stop everything without a callback */
void sd_link_close_all(sd_isolate *isolate);
void sd_listener_close_all(sd_isolate *isolate);
void sd_watcher_close(sd_isolate *isolate);
void sd_secure_close_isolate(sd_isolate *isolate);
void sd_alarm_close(sd_isolate *isolate);
void sd_link_event(void *owner, sd_pump_event event);

/* The functions of each topic, added to exports. */
napi_status sd_memory_exports(sd_isolate *isolate, napi_value exports);
napi_status sd_listener_exports(sd_isolate *isolate, napi_value exports);
napi_status sd_link_exports(sd_isolate *isolate, napi_value exports);
napi_status sd_access_exports(sd_isolate *isolate, napi_value exports);
napi_status sd_loop_exports(sd_isolate *isolate, napi_value exports);
napi_status sd_delivery_exports(sd_isolate *isolate, napi_value exports);
napi_status sd_outcome_exports(sd_isolate *isolate, napi_value exports);
napi_status sd_kernel_exports(sd_isolate *isolate, napi_value exports);
napi_status sd_watcher_exports(sd_isolate *isolate, napi_value exports);
napi_status sd_secure_exports(sd_isolate *isolate, napi_value exports);
napi_status sd_alarm_exports(sd_isolate *isolate, napi_value exports);

#endif
