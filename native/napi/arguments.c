#include "arguments.h"

#include <math.h>

napi_status sd_define(sd_isolate *isolate, napi_value exports, const sd_function *functions, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    napi_status status =
        napi_create_function(isolate->env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, isolate, &function);
    if (status != napi_ok) return status;
    status = napi_set_named_property(isolate->env, exports, functions[i].name, function);
    if (status != napi_ok) return status;
  }
  return napi_ok;
}

static bool refuse(napi_env env, const char *message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return false;
}

sd_isolate *sd_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  void *isolate = NULL;
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, &isolate) != napi_ok) return NULL;
  if (given >= count) return isolate;
  refuse(env, "too few arguments");
  return NULL;
}

bool sd_take_int(napi_env env, napi_value value, int32_t *out) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) return refuse(env, "a number was expected");
  if (!(number >= INT32_MIN && number <= INT32_MAX) || number != floor(number)) return refuse(env, "not a 32-bit integer");
  *out = (int32_t)number;
  return true;
}

sd_isolate *sd_only_int(napi_env env, napi_callback_info info, int32_t *out) {
  napi_value argument[1];
  sd_isolate *isolate = sd_arguments(env, info, 1, argument);
  return isolate != NULL && sd_take_int(env, argument[0], out) ? isolate : NULL;
}

bool sd_take_length(napi_env env, napi_value value, uint64_t *out) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) return refuse(env, "a number was expected");
  if (!(number >= 0 && number <= 9007199254740991.0) || number != floor(number)) return refuse(env, "not a length");
  *out = (uint64_t)number;
  return true;
}

bool sd_take_port(napi_env env, napi_value value, uint16_t *out) {
  int32_t number;
  if (!sd_take_int(env, value, &number)) return false;
  if (number < 0 || number > 65535) return refuse(env, "not a port");
  *out = (uint16_t)number;
  return true;
}

bool sd_take_text(napi_env env, napi_value value, char *out, size_t capacity) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, out, capacity, &length) != napi_ok)
    return refuse(env, "a string was expected");
  /* What is cut may end a few bytes short of the buffer's end, since no character is cut in two. */
  if (length + 4 < capacity) return true;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) == napi_ok && length < capacity) return true;
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "the string is too long");
  return false;
}

bool sd_take_function(napi_env env, napi_value value) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) == napi_ok && type == napi_function) return true;
  return refuse(env, "a function was expected");
}

bool sd_take_object(napi_env env, napi_value value) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) == napi_ok && type == napi_object) return true;
  return refuse(env, "an object was expected");
}

bool sd_take_array(napi_env env, napi_value value, napi_typedarray_type type, size_t count, void **data, size_t *length) {
  bool is_array = false;
  napi_typedarray_type found;
  size_t elements, offset;
  napi_value buffer;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return refuse(env, "a typed array was expected");
  if (napi_get_typedarray_info(env, value, &found, &elements, data, &buffer, &offset) != napi_ok) return false;
  if (found != type) return refuse(env, "a typed array of another type was expected");
  if (elements < count) return refuse(env, "the typed array is too short");
  if (length != NULL) *length = elements;
  return true;
}

napi_value sd_give_int(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

void sd_give_property_int(napi_env env, napi_value object, const char *name, int64_t value) {
  napi_set_named_property(env, object, name, sd_give_int(env, value));
}

void sd_give_property_text(napi_env env, napi_value object, const char *name, const char *text) {
  napi_value value;
  if (napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok)
    napi_set_named_property(env, object, name, value);
}
