/* One-sided access: what it copies, what it refuses, and that memory which was taken back is neither seen nor written. */
#include "../core/access.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/control.h"
#include "test.h"

#define PAGE ((size_t)4096)
#define PAGES ((size_t)8)
#define BYTES (PAGES * PAGE)

static const char name[] = "sockets-direct-test-access";

/* A process with memory of its own, at the other end of a control connection. */
typedef struct target {
  pid_t pid;
  int control;
  unsigned char *memory; /* at the same address in both; the last page is not there */
} target;

static void close_of_target(target *peer) {
  close(peer->control);
  kill(peer->pid, SIGKILL);
  CHECK_EQUAL(waitpid(peer->pid, NULL, 0), peer->pid);
  CHECK_EQUAL(munmap(peer->memory, BYTES + PAGE), 0);
}

static target make_target(void (*first)(void)) {
  target peer;
  int listener = sd_control_listen(name, sizeof name - 1, 4);
  CHECK(listener >= 0);
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  peer.memory = mmap(NULL, BYTES + PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
  CHECK(peer.memory != MAP_FAILED);
  CHECK_EQUAL(mprotect(peer.memory + BYTES, PAGE, PROT_NONE), 0);
  peer.pid = fork();
  CHECK(peer.pid >= 0);
  if (peer.pid == 0) {
    for (size_t i = 0; i < BYTES; i++) peer.memory[i] = (unsigned char)(i * 7 + i / PAGE);
    if (first != NULL) first();
    int fd = sd_control_connect(name, sizeof name - 1);
    if (fd < 0) _exit(1);
    sd_control_send(fd, "ready", 5, -1);
    for (;;) {
      /* A byte at an offset: says what is there now. */
      uint32_t offset;
      int passed;
      int got = sd_control_receive(fd, &offset, sizeof offset, &passed);
      if (got == 0) _exit(0);
      if (got == (int)sizeof offset) sd_control_send(fd, &peer.memory[offset], 1, -1);
      else usleep(200);
    }
  }
  while ((peer.control = sd_control_accept(listener)) == -EAGAIN) usleep(200);
  CHECK(peer.control >= 0);
  close(listener);
  char text[8];
  int passed, got;
  while ((got = sd_control_receive(peer.control, text, sizeof text, &passed)) == -EAGAIN) usleep(200);
  CHECK_EQUAL(got, 5);
  return peer;
}

static unsigned char byte_there(const target *peer, uint32_t offset) {
  unsigned char byte;
  int passed, got;
  sd_control_send(peer->control, &offset, sizeof offset, -1);
  while ((got = sd_control_receive(peer->control, &byte, 1, &passed)) == -EAGAIN) usleep(200);
  CHECK_EQUAL(got, 1);
  return byte;
}

static void bytes_are_copied(void) {
  target peer = make_target(NULL);
  sd_vm_peer vm;
  CHECK_EQUAL(sd_vm_peer_open(&vm, peer.control), 0);
  CHECK_EQUAL(vm.pid, peer.pid);
  CHECK_EQUAL(sd_vm_peer_alive(&vm), 0);
  CHECK_EQUAL(sd_vm_may_write(&vm), 0);
  uint64_t there = (uint64_t)(uintptr_t)peer.memory;
  unsigned char into[3 * PAGE];
  struct iovec parts[4] = {{into, 10}, {into, 0}, {into + 10, PAGE}, {into + 10 + PAGE, PAGE}};
  CHECK_EQUAL(sd_vm_read(&vm, parts, 4, there + 100), 10 + 2 * PAGE);
  for (size_t i = 0; i < 10 + 2 * PAGE; i++) CHECK_EQUAL(into[i], (unsigned char)((i + 100) * 7 + (i + 100) / PAGE));
  CHECK_EQUAL(sd_vm_read(&vm, parts, 0, there), 0);
  memset(into, 0xAB, sizeof into);
  CHECK_EQUAL(sd_vm_write(&vm, parts, 4, there + PAGE - 5), 10 + 2 * PAGE);
  CHECK_EQUAL(byte_there(&peer, PAGE - 6), (unsigned char)((PAGE - 6) * 7));
  CHECK_EQUAL(byte_there(&peer, PAGE - 5), 0xAB);
  CHECK_EQUAL(byte_there(&peer, 3 * PAGE + 4), 0xAB);
  CHECK_EQUAL(byte_there(&peer, 3 * PAGE + 5), (unsigned char)((3 * PAGE + 5) * 7 + 3));
  /* Beyond the end, all of it or some; an address that wraps; more ranges than there may be. */
  struct iovec all = {into, sizeof into};
  CHECK_EQUAL(sd_vm_read(&vm, &all, 1, there + BYTES), -EFAULT);
  CHECK_EQUAL(sd_vm_read(&vm, &all, 1, there + BYTES - PAGE), -EFAULT);
  CHECK_EQUAL(sd_vm_write(&vm, &all, 1, there + BYTES - PAGE), -EFAULT);
  CHECK_EQUAL(sd_vm_read(&vm, &all, 1, UINT64_MAX - 10), -EFAULT);
  CHECK_EQUAL(sd_vm_read(&vm, &all, 1, 0), -EFAULT);
  struct iovec many[9];
  for (size_t i = 0; i < 9; i++) many[i] = (struct iovec){into, 1};
  CHECK_EQUAL(sd_vm_read(&vm, many, 9, there), -EINVAL);
  /* It goes, and then it is dead. */
  kill(peer.pid, SIGSTOP);
  CHECK_EQUAL(sd_vm_peer_alive(&vm), 0);
  kill(peer.pid, SIGKILL);
  siginfo_t info;
  CHECK_EQUAL(waitid(P_PID, (id_t)peer.pid, &info, WEXITED | WNOWAIT), 0);
  CHECK_EQUAL(sd_vm_peer_alive(&vm), -ESRCH);
  sd_vm_peer_close(&vm);
  CHECK_EQUAL(sd_vm_read(&vm, &all, 1, there), -ESRCH);
  CHECK_EQUAL(sd_vm_peer_alive(&vm), -EPIPE);
  CHECK_EQUAL(sd_vm_peer_open(&vm, peer.control) < 0, true);
  close_of_target(&peer);
}

static void the_table_decides(void) {
  target peer = make_target(NULL);
  sd_vm_peer vm;
  CHECK_EQUAL(sd_vm_peer_open(&vm, peer.control), 0);
  char *memory = aligned_alloc(PAGE, SD_LAYOUT_FIXED);
  memset(memory, 0, SD_LAYOUT_FIXED);
  sd_access ours = {.memory = memory, .own_end = 0}, theirs = {.memory = memory, .own_end = 1};
  uint64_t there = (uint64_t)(uintptr_t)peer.memory;
  unsigned char into[64];
  struct iovec local = {into, sizeof into};
  sd_access_expose(&theirs, 5, 77);
  CHECK_EQUAL(sd_access_read(&ours, &vm, 5, 77, &local, 1, there), 64);
  CHECK_EQUAL(sd_access_write(&ours, &vm, 5, 77, &local, 1, there), 64);
  CHECK_EQUAL(sd_access_busy(&theirs), 0);
  CHECK_EQUAL(sd_access_read(&ours, &vm, 5, 76, &local, 1, there), -ESTALE);
  CHECK_EQUAL(sd_access_read(&ours, &vm, 6, 77, &local, 1, there), -ESTALE);
  CHECK_EQUAL(sd_access_read(&ours, &vm, SD_LAYOUT_ACCESS_SLOTS, 77, &local, 1, there), -EINVAL);
  CHECK_EQUAL(sd_access_write(&ours, &vm, UINT32_MAX, 77, &local, 1, there), -EINVAL);
  CHECK_EQUAL(sd_access_read(&theirs, &vm, 5, 77, &local, 1, there), -ESTALE); /* the other table */
  CHECK_EQUAL(sd_access_read(&ours, &vm, 5, 77, &local, 1, 8), -EFAULT);
  /* What the peer says in `busy` keeps one slot, no other. */
  atomic_store(&sd_layout_guard(memory, 1)->busy, 6);
  CHECK_EQUAL(sd_access_revoke(&theirs, 5, 78), true);
  CHECK_EQUAL(sd_access_revoke(&theirs, 4, 1), false);
  atomic_store(&sd_layout_guard(memory, 1)->busy, UINT32_MAX);
  CHECK_EQUAL(sd_access_revoke(&theirs, 5, 78), false);
  CHECK_EQUAL(sd_access_write(&ours, &vm, 5, 77, &local, 1, there), -ESTALE);
  CHECK_EQUAL(sd_access_write(&ours, &vm, 5, 78, &local, 1, there), 64);
  CHECK_EQUAL(sd_access_close(&theirs), 0);
  CHECK_EQUAL(sd_access_write(&ours, &vm, 5, 78, &local, 1, there), -EPIPE);
  CHECK_EQUAL(sd_access_read(&ours, &vm, 5, 78, &local, 1, there), -EPIPE);
  CHECK_EQUAL(byte_there(&peer, 64), (unsigned char)(64 * 7));
  atomic_store(&sd_layout_guard(memory, 1)->closed, 0);
  shutdown(peer.control, SHUT_RDWR);
  CHECK_EQUAL(sd_access_read(&ours, &vm, 5, 78, &local, 1, there), -EPIPE);
  sd_vm_peer_close(&vm);
  free(memory);
  close_of_target(&peer);
}

static void drop_ptrace(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) != 0) _exit(2);
  unsigned mask = ~(1u << CAP_SYS_PTRACE);
  data[0].effective &= mask;
  data[0].permitted &= mask;
  data[0].inheritable &= mask;
  if (syscall(SYS_capset, &header, data) != 0) _exit(2);
}

static void hide(void) { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
static void become_nobody(void) {
  if (setuid(65534) != 0) _exit(1);
}

/* Exit status: the error of opening, or of reading. */
static int as_another(const target *peer, void (*first)(void)) {
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    first();
    sd_vm_peer vm;
    int error = sd_vm_peer_open(&vm, peer->control);
    if (error != 0) _exit(-error);
    char byte;
    struct iovec local = {&byte, 1};
    int64_t result = sd_vm_read(&vm, &local, 1, (uint64_t)(uintptr_t)peer->memory);
    int64_t write = sd_vm_may_write(&vm);
    _exit(result == 1 && write == 0 ? 0 : result == write ? (int)-result : 99);
  }
  int status;
  CHECK_EQUAL(waitpid(pid, &status, 0), pid);
  CHECK(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void nothing(void) {}

static void the_kernel_may_refuse(void) {
  target peer = make_target(NULL);
  CHECK_EQUAL(as_another(&peer, nothing), 0);
  close_of_target(&peer);
  peer = make_target(hide);
  CHECK_EQUAL(as_another(&peer, drop_ptrace), EPERM);
  close_of_target(&peer);
  if (geteuid() != 0) {
    printf("skip another user: not root\n");
    return;
  }
  /* With the right to trace anything, and another user's process: our own refusal (D5). */
  peer = make_target(become_nobody);
  CHECK_EQUAL(as_another(&peer, nothing), EPERM);
  CHECK_EQUAL(as_another(&peer, drop_ptrace), EPERM);
  close_of_target(&peer);
}

/* A process with the given number, which must be free. False: not permitted here. */
static bool fork_as(pid_t wanted, pid_t *child) {
  struct clone_args arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = (uint64_t)(uintptr_t)&wanted;
  arguments.set_tid_size = 1;
  *child = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
  if (*child == 0) {
    for (;;) pause();
  }
  return *child == wanted;
}

/* The peer dies, and another process gets its number: with memory at the very same address, but not the peer. */
static void a_number_is_not_a_process(void) {
  target peer = make_target(NULL);
  sd_vm_peer vm;
  CHECK_EQUAL(sd_vm_peer_open(&vm, peer.control), 0);
  char *memory = aligned_alloc(PAGE, SD_LAYOUT_FIXED);
  memset(memory, 0, SD_LAYOUT_FIXED);
  sd_access ours = {.memory = memory, .own_end = 0}, theirs = {.memory = memory, .own_end = 1};
  sd_access_expose(&theirs, 0, 1);
  unsigned char into[16];
  struct iovec local = {into, sizeof into};
  uint64_t there = (uint64_t)(uintptr_t)peer.memory;
  CHECK_EQUAL(sd_access_read(&ours, &vm, 0, 1, &local, 1, there), 16);
  kill(peer.pid, SIGKILL);
  CHECK_EQUAL(waitpid(peer.pid, NULL, 0), peer.pid);
  memset(peer.memory, 0x11, BYTES);
  pid_t other;
  if (!fork_as(peer.pid, &other)) {
    printf("skip reused numbers: %s\n", strerror(errno));
    if (other > 0) kill(other, SIGKILL);
  } else {
    memset(into, 0, sizeof into);
    CHECK_EQUAL(sd_vm_read(&vm, &local, 1, there), 16); /* this is what has to be prevented */
    CHECK_EQUAL(into[0], 0x11);
    CHECK_EQUAL(sd_access_read(&ours, &vm, 0, 1, &local, 1, there), -ESRCH);
    memset(into, 0x22, sizeof into);
    CHECK_EQUAL(sd_access_write(&ours, &vm, 0, 1, &local, 1, there), -ESRCH);
    CHECK_EQUAL(sd_vm_read(&vm, &local, 1, there), 16);
    CHECK_EQUAL(into[0], 0x11);
    sd_vm_peer late;
    CHECK(sd_vm_peer_open(&late, peer.control) < 0);
    kill(other, SIGKILL);
    CHECK_EQUAL(waitpid(other, NULL, 0), other);
  }
  sd_vm_peer_close(&vm);
  free(memory);
  close(peer.control);
  CHECK_EQUAL(munmap(peer.memory, BYTES + PAGE), 0);
}

/* ------------------------------------------------------------------ races, within one process */

#define ROUNDS 3000u
#define TARGET_BYTES (4 * PAGE)

typedef struct race {
  sd_access owner, accessor;
  sd_vm_peer vm;
  unsigned char *target;
  _Atomic uint32_t offered; /* the generation that was last exposed; 0: the end */
  _Atomic uint64_t done, refused;
} race;

static void *reads(void *argument) {
  race *self = argument;
  static unsigned char into[TARGET_BYTES];
  uint32_t generation;
  while ((generation = atomic_load(&self->offered)) != 0) {
    struct iovec local = {into, sizeof into};
    int64_t bytes = sd_access_read(&self->accessor, &self->vm, 3, generation, &local, 1, (uintptr_t)self->target);
    if (bytes < 0) {
      CHECK_EQUAL(bytes, -ESTALE);
      self->refused++;
      sched_yield();
      continue;
    }
    for (size_t i = 0; i < sizeof into; i++) CHECK_EQUAL(into[i], generation & 0x7F);
    self->done++;
  }
  return NULL;
}

static void *writes(void *argument) {
  race *self = argument;
  static unsigned char from[TARGET_BYTES];
  uint32_t generation;
  memset(from, 0xFF, sizeof from);
  while ((generation = atomic_load(&self->offered)) != 0) {
    struct iovec local = {from, sizeof from};
    int64_t bytes = sd_access_write(&self->accessor, &self->vm, 3, generation, &local, 1, (uintptr_t)self->target);
    if (bytes < 0) {
      CHECK_EQUAL(bytes, -ESTALE);
      self->refused++;
      sched_yield();
    } else self->done++;
  }
  return NULL;
}

/* The owner exposes and takes back, and then uses the memory for something else. */
static void race_with(void *(*other)(void *), bool writer) {
  char *memory = aligned_alloc(PAGE, SD_LAYOUT_FIXED);
  memset(memory, 0, SD_LAYOUT_FIXED);
  race self = {.owner = {memory, 1}, .accessor = {memory, 0}};
  int listener = sd_control_listen(name, sizeof name - 1, 4);
  int end = sd_control_connect(name, sizeof name - 1), accepted;
  while ((accepted = sd_control_accept(listener)) == -EAGAIN) usleep(200);
  CHECK_EQUAL(sd_vm_peer_open(&self.vm, accepted), 0);
  CHECK_EQUAL(self.vm.pid, getpid());
  self.target = aligned_alloc(PAGE, TARGET_BYTES);
  atomic_store(&self.offered, 1);
  pthread_t thread;
  uint32_t seed = 99, waited = 0;
  CHECK_EQUAL(pthread_create(&thread, NULL, other, &self), 0);
  /* Until both things have happened: the memory was reached, and it was taken back under the other's hands. */
  for (uint32_t generation = 1; generation < 50 * ROUNDS; generation += 2) {
    bool both = atomic_load(&self.done) > 0 && atomic_load(&self.refused) > 0;
    if (generation > ROUNDS && both && (!writer || waited > 0)) break;
    /* volatile: the compiler must not see that only the kernel looks at it. */
    volatile unsigned char *bytes = self.target;
    memset(self.target, (int)(generation & 0x7F), TARGET_BYTES);
    __asm__ volatile("" ::: "memory");
    sd_access_expose(&self.owner, 3, generation);
    atomic_store(&self.offered, generation);
    for (uint32_t i = test_random(&seed) % 20; i > 0; i--) sched_yield();
    if (sd_access_revoke(&self.owner, 3, generation + 1) && writer) {
      waited++;
      while (sd_access_busy(&self.owner) == 4) sched_yield();
    }
    memset(self.target, 0x80, TARGET_BYTES);
    __asm__ volatile("" ::: "memory");
    for (uint32_t i = test_random(&seed) % 4; i > 0; i--) sched_yield();
    for (size_t i = 0; i < TARGET_BYTES; i += 64) CHECK_EQUAL(bytes[i], 0x80);
  }
  atomic_store(&self.offered, 0);
  CHECK_EQUAL(pthread_join(thread, NULL), 0);
  CHECK(self.done > 0 && self.refused > 0);
  CHECK(!writer || waited > 0);
  sd_vm_peer_close(&self.vm);
  close(accepted);
  close(end);
  close(listener);
  free(self.target);
  free(memory);
}

void test_access(void) {
  bytes_are_copied();
  the_table_decides();
  the_kernel_may_refuse();
  a_number_is_not_a_process();
}

void test_access_race(void) {
  race_with(reads, false);
  race_with(writes, true);
}
