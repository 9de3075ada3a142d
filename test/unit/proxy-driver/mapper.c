/*
 * What a test of secured memory needs and no program should have: memory mapped at a given address, and threads that map
 * and unmap it while JavaScript uses it. Compiled by mapper.ts when a test asks for it.
 */
#include <node_api.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

#define PLACES 4

typedef struct place {
  uintptr_t home;
  _Atomic bool mapped;
} place;

static place places[PLACES];
static size_t place_bytes;
/* Of what is mapped at each place; said once its bytes are there. JavaScript reads it. */
static _Atomic uint32_t versions[PLACES];
static _Atomic bool running;
static pthread_t threads[2];

static double number(napi_env env, napi_value value) {
  double result = 0;
  napi_get_value_double(env, value, &result);
  return result;
}

static napi_value give(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

static void *map_at(uintptr_t address, size_t bytes) {
  void *memory =
      mmap((void *)address, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  return memory == (void *)address ? memory : NULL;
}

/* map(address, bytes): 0 or -1 */
static napi_value map(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  size_t count = 2;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  return give(env, map_at((uintptr_t)number(env, arguments[0]), (size_t)number(env, arguments[1])) != NULL ? 0 : -1);
}

static napi_value unmap(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  size_t count = 2;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  return give(env, munmap((void *)(uintptr_t)number(env, arguments[0]), (size_t)number(env, arguments[1])));
}

/* view(address, bytes): an ArrayBuffer that owns nothing; whether anything is there is the caller's affair */
static napi_value view(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result = NULL;
  size_t count = 2;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  napi_create_external_arraybuffer(env, (void *)(uintptr_t)number(env, arguments[0]), (size_t)number(env, arguments[1]),
                                   NULL, NULL, &result);
  return result;
}

static void rest(long nanoseconds) {
  struct timespec moment = {0, nanoseconds};
  nanosleep(&moment, NULL);
}

/* Each place stays mapped for some hundred microseconds: long enough to be used more than once. */
static void *unmap_all_the_time(void *argument) {
  (void)argument;
  for (uint32_t i = 0; atomic_load(&running); i++) {
    place *at = &places[i % PLACES];
    if (atomic_exchange(&at->mapped, false)) munmap((void *)at->home, place_bytes);
    rest(200000);
  }
  return NULL;
}

static bool map_one(size_t i) {
  uint32_t *memory = map_at(places[i].home, place_bytes), version = atomic_load(&versions[i]) + 1;
  if (memory == NULL) return false;
  for (size_t at = 0; at < place_bytes / sizeof *memory; at++) memory[at] = version;
  atomic_store(&versions[i], version);
  atomic_store(&places[i].mapped, true);
  return true;
}

/* Soon after an unmapping, also while the one who unmaps is still held for it. */
static void *map_all_the_time(void *argument) {
  (void)argument;
  while (atomic_load(&running)) {
    bool any = false;
    for (size_t i = 0; i < PLACES; i++) any |= map_one(i);
    if (!any) rest(10000);
  }
  return NULL;
}

/* start(address, bytes): the places are `bytes` long, one page apart; returns how many there are */
static napi_value start(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  size_t count = 2;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  place_bytes = (size_t)number(env, arguments[1]);
  for (size_t i = 0; i < PLACES; i++) {
    places[i].home = (uintptr_t)number(env, arguments[0]) + i * 2 * place_bytes;
    atomic_store(&places[i].mapped, false);
  }
  atomic_store(&running, true);
  pthread_create(&threads[0], NULL, unmap_all_the_time, NULL);
  pthread_create(&threads[1], NULL, map_all_the_time, NULL);
  return give(env, PLACES);
}

/* Ends the threads; nothing is mapped afterwards. */
static napi_value stop(napi_env env, napi_callback_info info) {
  (void)info;
  atomic_store(&running, false);
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  for (size_t i = 0; i < PLACES; i++) munmap((void *)places[i].home, place_bytes);
  return give(env, 0);
}

static napi_value version(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  size_t count = 1;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  return give(env, atomic_load(&versions[(size_t)number(env, arguments[0]) % PLACES]));
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback call;
  } functions[] = {{"map", map}, {"unmap", unmap}, {"view", view}, {"start", start}, {"stop", stop}, {"version", version}};
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
