#include "callback.h"

napi_status sd_context_open(sd_context *context, napi_env env, napi_value self) {
  napi_status status = napi_ok;
  context->env = env;
  if (self == NULL) status = napi_create_object(env, &self);
  if (status == napi_ok) status = napi_create_reference(env, self, 1, &context->self);
  return status;
}

void sd_context_close(sd_context *context) { sd_function_drop(context->env, &context->self); }

/*
 * napi_closing, napi_cannot_run_js, and "pending exception" with none pending mean that the environment is being
 * stopped (worker.terminate()): not an error, and nobody is left to tell.
 */
void sd_callback_report(napi_env env, napi_status status) {
  bool pending = false;
  if (status != napi_pending_exception) return;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;
  napi_value error;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

void sd_context_call(sd_context *context, napi_ref function, size_t count, const napi_value *arguments) {
  napi_env env = context->env;
  napi_value self, call, result;
  if (napi_get_reference_value(env, context->self, &self) != napi_ok || self == NULL) return;
  if (napi_get_reference_value(env, function, &call) != napi_ok || call == NULL) return;
  napi_status status = napi_make_callback(env, NULL, self, call, count, arguments, &result);
  if (status != napi_ok) sd_callback_report(env, status);
}

napi_status sd_function_hold(napi_env env, napi_value function, napi_ref *out) {
  return napi_create_reference(env, function, 1, out);
}

void sd_function_drop(napi_env env, napi_ref *held) {
  if (*held != NULL) napi_delete_reference(env, *held);
  *held = NULL;
}
