/* From JavaScript values to C and back. The sd_take_… functions throw a TypeError and return false. */
#ifndef SD_ARGUMENTS_H
#define SD_ARGUMENTS_H

#include "isolate.h"

typedef struct sd_function {
  const char *name;
  napi_callback call;
} sd_function;

napi_status sd_define(sd_isolate *isolate, napi_value exports, const sd_function *functions, size_t count);

/* Reads exactly `count` arguments (at most 8) and the isolate; NULL = a TypeError is pending. */
sd_isolate *sd_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);
/* The same of a function whose only argument is an integer. */
sd_isolate *sd_only_int(napi_env env, napi_callback_info info, int32_t *out);

bool sd_take_int(napi_env env, napi_value value, int32_t *out);
bool sd_take_length(napi_env env, napi_value value, uint64_t *out); /* 0 … 2^53-1 */
bool sd_take_port(napi_env env, napi_value value, uint16_t *out);
bool sd_take_text(napi_env env, napi_value value, char *out, size_t capacity); /* too long: RangeError */
bool sd_take_function(napi_env env, napi_value value);
bool sd_take_object(napi_env env, napi_value value);
/* A typed array of that type with at least `count` elements. */
bool sd_take_array(napi_env env, napi_value value, napi_typedarray_type type, size_t count, void **data, size_t *length);

napi_value sd_give_int(napi_env env, int64_t value);
void sd_give_property_int(napi_env env, napi_value object, const char *name, int64_t value);
void sd_give_property_text(napi_env env, napi_value object, const char *name, const char *text);

#endif
