/* One-sided access to the memory of a link's peer, and the words that say what it may reach of ours (DESIGN D5, D7). */
#include "../core/access.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "link.h"

/* How long the end of an environment waits, in all, for peers that are in the middle of writing into it. */
#define END_WAIT_MS 1000

static sd_link *take_link(napi_env env, sd_isolate *isolate, napi_value value) {
  int32_t number;
  if (isolate == NULL || !sd_take_int(env, value, &number)) return NULL;
  sd_link *link = sd_slots_get(&isolate->links, number);
  if (link == NULL) napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", "no such link");
  return link;
}

static bool take_word(napi_env env, napi_value value, uint32_t *out) {
  uint64_t number;
  if (!sd_take_length(env, value, &number)) return false;
  if (number > UINT32_MAX) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "not a 32-bit word");
    return false;
  }
  *out = (uint32_t)number;
  return true;
}

/* A slot of our own table, on a link that has one. */
static bool take_slot(napi_env env, const sd_link *link, napi_value value, uint32_t *slot) {
  if (!take_word(env, value, slot)) return false;
  if (link->memory != NULL && *slot < SD_LAYOUT_ACCESS_SLOTS) return true;
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "no such slot, or the link is not attached");
  return false;
}

/*
 * Where an array's bytes are. Those of small arrays are on V8's heap, which moves, until somebody asks for their
 * ArrayBuffer: this does. Afterwards they stay where they are.
 */
static napi_value address_of(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  void *bytes;
  size_t length;
  if (sd_arguments(env, info, 1, arguments) == NULL ||
      !sd_take_array(env, arguments[0], napi_uint8_array, 0, &bytes, &length))
    return NULL;
  return sd_give_int(env, length == 0 || bytes == NULL ? -EFAULT : (int64_t)(uintptr_t)bytes);
}

static napi_value link_prove(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  void *proof;
  sd_isolate *isolate = sd_arguments(env, info, 2, arguments);
  sd_link *link = isolate == NULL ? NULL : take_link(env, isolate, arguments[0]);
  if (link == NULL || !sd_take_array(env, arguments[1], napi_uint8_array, SD_PROOF_BYTES, &proof, NULL)) return NULL;
  memcpy(link->proof, proof, SD_PROOF_BYTES);
  return sd_give_int(env, (int64_t)(uintptr_t)link->proof);
}

static int probe(sd_link *link, uint64_t address, const void *proof) {
  uint8_t found[SD_PROOF_BYTES];
  struct iovec local = {.iov_base = found, .iov_len = sizeof found};
  sd_vm_peer_close(&link->peer);
  link->may_read = link->may_write = false;
  int error = sd_vm_peer_open(&link->peer, link->fd);
  if (error != 0) return error;
  int64_t bytes = sd_vm_read(&link->peer, &local, 1, address);
  if (bytes < 0) return (int)bytes;
  /* Something else is there: the number is of another process than the one that speaks to us. */
  if (memcmp(found, proof, sizeof found) != 0) return -EBADMSG;
  link->may_read = true;
  link->may_write = sd_vm_may_write(&link->peer) == 0;
  return link->may_write ? 3 : 1;
}

static napi_value link_probe(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint64_t address;
  void *proof;
  sd_isolate *isolate = sd_arguments(env, info, 3, arguments);
  sd_link *link = isolate == NULL ? NULL : take_link(env, isolate, arguments[0]);
  if (link == NULL || !sd_take_length(env, arguments[1], &address) ||
      !sd_take_array(env, arguments[2], napi_uint8_array, SD_PROOF_BYTES, &proof, NULL))
    return NULL;
  int result = probe(link, address, proof);
  if (result < 0) sd_vm_peer_close(&link->peer);
  return sd_give_int(env, result);
}

static napi_value link_expose(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint32_t slot, generation;
  sd_isolate *isolate = sd_arguments(env, info, 3, arguments);
  sd_link *link = isolate == NULL ? NULL : take_link(env, isolate, arguments[0]);
  if (link == NULL || !take_slot(env, link, arguments[1], &slot) || !take_word(env, arguments[2], &generation))
    return NULL;
  sd_access_expose(&link->access, slot, generation);
  return NULL;
}

static napi_value link_revoke(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint32_t slot, generation;
  sd_isolate *isolate = sd_arguments(env, info, 3, arguments);
  sd_link *link = isolate == NULL ? NULL : take_link(env, isolate, arguments[0]);
  if (link == NULL || !take_slot(env, link, arguments[1], &slot) || !take_word(env, arguments[2], &generation))
    return NULL;
  return sd_give_int(env, sd_access_revoke(&link->access, slot, generation) ? 1 : 0);
}

static napi_value transfer(napi_env env, napi_callback_info info, bool writing) {
  napi_value arguments[7];
  uint32_t slot, generation;
  uint64_t address, offset, bytes;
  void *data;
  size_t length;
  sd_isolate *isolate = sd_arguments(env, info, 7, arguments);
  sd_link *link = isolate == NULL ? NULL : take_link(env, isolate, arguments[0]);
  if (link == NULL || !take_word(env, arguments[1], &slot) || !take_word(env, arguments[2], &generation) ||
      !sd_take_length(env, arguments[3], &address) ||
      !sd_take_array(env, arguments[4], napi_uint8_array, 0, &data, &length) ||
      !sd_take_length(env, arguments[5], &offset) || !sd_take_length(env, arguments[6], &bytes))
    return NULL;
  if (link->memory == NULL || !(writing ? link->may_write : link->may_read)) return sd_give_int(env, -EPERM);
  /* The array may have been detached or have shrunk since it was registered: its length is what it is now. */
  if (offset > length || bytes > length - offset) return sd_give_int(env, -EINVAL);
  struct iovec local = {.iov_base = (char *)data + offset, .iov_len = (size_t)bytes};
  return sd_give_int(env, (writing ? sd_access_write : sd_access_read)(&link->access, &link->peer, slot, generation, &local,
                                                                       1, address));
}

static napi_value link_read(napi_env env, napi_callback_info info) { return transfer(env, info, false); }

static napi_value link_write(napi_env env, napi_callback_info info) { return transfer(env, info, true); }

void sd_link_access_close(sd_link *link) {
  if (link->memory != NULL) sd_access_close(&link->access);
  sd_vm_peer_close(&link->peer);
}

void sd_link_access_end(sd_isolate *isolate) {
  uint64_t until = sd_loop_clock() + END_WAIT_MS * 1000000ull;
  for (size_t i = 1; i <= isolate->links.capacity; i++) {
    sd_link *link = sd_slots_get(&isolate->links, (int32_t)i);
    if (link == NULL || link->memory == NULL || sd_access_close(&link->access) == 0) continue;
    /* One that died in the middle leaves its word, but not its connection. */
    while (sd_access_busy(&link->access) != 0 && sd_loop_clock() < until && sd_vm_peer_alive(&link->peer) == 0)
      nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
  }
}

napi_status sd_access_exports(sd_isolate *isolate, napi_value exports) {
  static const sd_function functions[] = {{"addressOf", address_of},   {"linkProve", link_prove},
                                          {"linkProbe", link_probe},   {"linkExpose", link_expose},
                                          {"linkRevoke", link_revoke}, {"linkRead", link_read},
                                          {"linkWrite", link_write}};
  return sd_define(isolate, exports, functions, sizeof functions / sizeof functions[0]);
}
