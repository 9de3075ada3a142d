/* A test is a function that CHECKs. The first failure ends the run. */
#ifndef SD_TEST_H
#define SD_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                              \
  do {                                                                                \
    if (!(condition)) {                                                               \
      fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #condition);   \
      exit(1);                                                                        \
    }                                                                                 \
  } while (0)

#define CHECK_EQUAL(actual, expected)                                                                             \
  do {                                                                                                            \
    long long actual_ = (long long)(actual), expected_ = (long long)(expected);                                   \
    if (actual_ != expected_) {                                                                                   \
      fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, actual_, expected_);          \
      exit(1);                                                                                                    \
    }                                                                                                             \
  } while (0)

/* Number of open descriptors of this process. */
int test_descriptors(void);

/* Small, fast, seeded: a failure can be repeated. */
static inline uint32_t test_random(uint32_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 17;
  *seed ^= *seed << 5;
  return *seed;
}

void test_layout(void);
void test_spin(void);
void test_memory(void);
void test_control(void);
void test_netlink(void);
void test_addresses(void);
void test_diag(void);
void test_socket(void);
void test_pump(void);
void test_polled(void);
void test_space(void);
void test_sleep(void);
void test_access(void);
void test_access_race(void);
void test_pin(void);
void test_secure(void);
void test_secure_threads(void);

#endif
