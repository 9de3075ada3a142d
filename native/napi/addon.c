/* The module: plain Node-API, one binary for every Node (DESIGN D11). */
#include <errno.h>

#include "arguments.h"

NAPI_MODULE_INIT() {
  sd_isolate *isolate = sd_isolate_new(env);
  if (isolate == NULL) {
    napi_throw_error(env, NULL, "sockets-direct: the addon could not be set up");
    return NULL;
  }
  napi_status (*const topics[])(sd_isolate *, napi_value) = {
      sd_memory_exports,  sd_listener_exports, sd_link_exports,     sd_access_exports,
      sd_loop_exports,    sd_outcome_exports,  sd_delivery_exports, sd_kernel_exports,
      sd_watcher_exports, sd_secure_exports,   sd_alarm_exports};
  for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
    if (topics[i](isolate, exports) != napi_ok) return NULL;
  sd_give_property_int(env, exports, "abi", SD_ABI);
  return exports;
}
