/* Questions to the kernel (DESIGN D4, D12). */
#include <errno.h>

#include "../core/diag.h"
#include "../core/route.h"
#include "../core/socket.h"
#include "arguments.h"

static bool take_family(napi_env env, napi_value value, int32_t *family) {
  if (!sd_take_int(env, value, family)) return false;
  if (*family == 4 || *family == 6) return true;
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "the family is 4 or 6");
  return false;
}

static napi_value kernel_diag(napi_env env, napi_callback_info info) {
  napi_value arguments[6];
  int32_t family;
  char remote_text[SD_ADDRESS_TEXT_MAX], local_text[SD_ADDRESS_TEXT_MAX];
  uint16_t remote_port, local_port;
  void *out;
  sd_isolate *isolate = sd_arguments(env, info, 6, arguments);
  if (isolate == NULL || !take_family(env, arguments[0], &family) ||
      !sd_take_text(env, arguments[1], remote_text, sizeof remote_text) ||
      !sd_take_port(env, arguments[2], &remote_port) ||
      !sd_take_text(env, arguments[3], local_text, sizeof local_text) ||
      !sd_take_port(env, arguments[4], &local_port) ||
      !sd_take_array(env, arguments[5], napi_biguint64_array, 4, &out, NULL))
    return NULL;
  sd_address remote, local;
  sd_diag_answer answer;
  int error = sd_address_parse(family, remote_text, &remote);
  if (error == 0) error = sd_address_parse(family, local_text, &local);
  if (error == 0) error = sd_diag_find(&isolate->diag, &remote, remote_port, &local, local_port, &answer);
  if (error == 0) {
    uint64_t *words = out;
    words[0] = answer.cookie;
    words[1] = answer.uid;
    words[2] = answer.inode;
    words[3] = answer.state;
  }
  return sd_give_int(env, error);
}

static napi_value kernel_cookie(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t fd;
  void *out;
  if (sd_arguments(env, info, 2, arguments) == NULL || !sd_take_int(env, arguments[0], &fd) ||
      !sd_take_array(env, arguments[1], napi_biguint64_array, 1, &out, NULL))
    return NULL;
  return sd_give_int(env, sd_socket_cookie(fd, out));
}

static napi_value kernel_route(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  char text[SD_ADDRESS_TEXT_MAX];
  sd_isolate *isolate = sd_arguments(env, info, 2, arguments);
  if (isolate == NULL || !sd_take_text(env, arguments[0], text, sizeof text) || !sd_take_object(env, arguments[1]))
    return NULL;
  sd_address remote, source;
  int result = sd_address_parse(0, text, &remote);
  if (result == 0) result = sd_route_find(&isolate->route, &remote, &source);
  if (result < 0) return sd_give_int(env, result);
  text[0] = '\0';
  if (source.family != 0) sd_address_format(&source, text);
  sd_give_property_text(env, arguments[1], "source", text);
  return sd_give_int(env, result);
}

static napi_value kernel_reserve(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  int32_t family;
  char text[SD_ADDRESS_TEXT_MAX];
  uint16_t port;
  void *out;
  size_t length;
  if (sd_arguments(env, info, 4, arguments) == NULL || !take_family(env, arguments[0], &family) ||
      !sd_take_text(env, arguments[1], text, sizeof text) || !sd_take_port(env, arguments[2], &port) ||
      !sd_take_array(env, arguments[3], napi_int32_array, 1, &out, &length))
    return NULL;
  sd_address address;
  uint16_t bound = 0;
  int result = sd_address_parse(family, text, &address);
  if (result == 0) result = sd_socket_reserve(&address, port, &bound);
  ((int32_t *)out)[0] = bound;
  return sd_give_int(env, result);
}

static napi_value kernel_sockname(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t fd;
  if (sd_arguments(env, info, 2, arguments) == NULL || !sd_take_int(env, arguments[0], &fd) ||
      !sd_take_object(env, arguments[1]))
    return NULL;
  sd_address address;
  uint16_t port;
  char text[SD_ADDRESS_TEXT_MAX];
  int error = sd_socket_name(fd, &address, &port);
  if (error == 0) {
    sd_address_format(&address, text);
    sd_give_property_text(env, arguments[1], "address", text);
    sd_give_property_int(env, arguments[1], "port", port);
    sd_give_property_int(env, arguments[1], "family", address.family == AF_INET ? 4 : 6);
  }
  return sd_give_int(env, error);
}

napi_status sd_kernel_exports(sd_isolate *isolate, napi_value exports) {
  static const sd_function functions[] = {{"diag", kernel_diag},
                                          {"cookie", kernel_cookie},
                                          {"route", kernel_route},
                                          {"reserve", kernel_reserve},
                                          {"sockname", kernel_sockname}};
  return sd_define(isolate, exports, functions, sizeof functions / sizeof functions[0]);
}
