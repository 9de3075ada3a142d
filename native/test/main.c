#include <dirent.h>
#include <string.h>

#include "test.h"

int test_descriptors(void) {
  int count = 0;
  DIR *directory = opendir("/proc/self/fd");
  CHECK(directory != NULL);
  while (readdir(directory) != NULL) count++;
  closedir(directory);
  return count - 3; /* ".", "..", the directory itself */
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*run)(void);
    bool threads; /* of interest under TSan */
  } tests[] = {{"layout", test_layout, false},   {"spin", test_spin, false},       {"memory", test_memory, false},
               {"control", test_control, false}, {"netlink", test_netlink, false}, {"addresses", test_addresses, false},
               {"diag", test_diag, false},       {"socket", test_socket, false},   {"pump", test_pump, false},
               {"polled", test_polled, false},   {"space", test_space, false},
               {"sleep", test_sleep, true},      {"access", test_access, false},
               {"access race", test_access_race, true}, {"pin", test_pin, false},
               {"secure", test_secure, false},   {"secure under load", test_secure_threads, true}};
  bool only_threads = argc > 1 && strcmp(argv[1], "threads") == 0;
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
    if (only_threads && !tests[i].threads) continue;
    int before = test_descriptors();
    tests[i].run();
    CHECK_EQUAL(test_descriptors(), before);
    printf("ok   %s\n", tests[i].name);
    fflush(stdout);
  }
  return 0;
}
