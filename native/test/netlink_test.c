/* Answers that no kernel gives: parsing must refuse them and stay within the bytes (ASan watches). */
#include "../core/netlink.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <string.h>

#include "../core/diag.h"
#include "../core/route.h"
#include "test.h"

#define SEQUENCE 7
#define PORT 99

/* On the heap and of the exact size, so that one byte too far is found. */
static int find(const void *bytes, size_t length, sd_netlink_message *out) {
  static uint8_t *copy;
  free(copy);
  copy = NULL;
  if (length == 0 && bytes == NULL) return 0;
  copy = malloc(length == 0 ? 1 : length);
  memcpy(copy, bytes, length);
  return sd_netlink_find_answer(copy, length, SEQUENCE, PORT, out);
}

static size_t put(uint8_t *to, uint16_t type, uint32_t sequence, uint32_t port, const void *payload, size_t length) {
  struct nlmsghdr header = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(length), .nlmsg_type = type, .nlmsg_seq = sequence, .nlmsg_pid = port};
  memcpy(to, &header, sizeof header);
  memcpy(to + sizeof header, payload, length);
  return NLMSG_ALIGN(header.nlmsg_len);
}

static void headers(void) {
  sd_netlink_message message;
  uint8_t bytes[256] = {0};
  CHECK_EQUAL(find(bytes, 0, &message), -EAGAIN);
  CHECK_EQUAL(find(bytes, 15, &message), -EPROTO);
  CHECK_EQUAL(find(bytes, 16, &message), -EPROTO); /* length 0 */
  size_t length = put(bytes, 20, SEQUENCE, PORT, "abcd", 4);
  CHECK_EQUAL(find(bytes, length, &message), 0);
  CHECK(message.length == 4 && memcmp(message.payload, "abcd", 4) == 0);
  CHECK_EQUAL(find(bytes, length - 1, &message), -EPROTO);
  put(bytes, 20, SEQUENCE + 1, PORT, "abcd", 4);
  CHECK_EQUAL(find(bytes, length, &message), -EAGAIN);
  put(bytes, 20, SEQUENCE, PORT + 1, "abcd", 4);
  CHECK_EQUAL(find(bytes, length, &message), -EAGAIN);
  size_t first = put(bytes, 20, SEQUENCE - 1, PORT, "abc", 3);
  length = first + put(bytes + first, 21, SEQUENCE, PORT, "wxyz", 4);
  CHECK_EQUAL(find(bytes, length, &message), 0);
  CHECK_EQUAL(message.type, 21);
  put(bytes, NLMSG_DONE, SEQUENCE, PORT, "abcd", 4);
  CHECK_EQUAL(find(bytes, 20, &message), -EPROTO);
  find(NULL, 0, &message);
}

static void errors(void) {
  sd_netlink_message message;
  uint8_t bytes[256];
  static const struct {
    int32_t code;
    int expected;
  } cases[] = {{-ENOENT, -ENOENT}, {0, -EPROTO}, {5, -EPROTO}, {INT32_MIN, -EPROTO}, {-4096, -EPROTO}};
  for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct nlmsgerr error = {.error = cases[i].code};
    size_t length = put(bytes, NLMSG_ERROR, SEQUENCE, PORT, &error, sizeof error);
    CHECK_EQUAL(find(bytes, length, &message), cases[i].expected);
  }
  size_t length = put(bytes, NLMSG_ERROR, SEQUENCE, PORT, "abc", 3);
  CHECK_EQUAL(find(bytes, length, &message), -EPROTO);
  find(NULL, 0, &message);
}

static sd_netlink_message whole(uint16_t type, const void *payload, size_t length) {
  return (sd_netlink_message){.type = type, .payload = payload, .length = length};
}

static void diag_answers(void) {
  struct inet_diag_msg found = {.idiag_family = AF_INET, .idiag_state = 10, .idiag_uid = 1000, .idiag_inode = 5};
  found.id.idiag_sport = (uint16_t)(80 << 8);
  found.id.idiag_cookie[0] = 0xFFFFFFFEu;
  found.id.idiag_cookie[1] = 3;
  sd_diag_answer answer;
  sd_netlink_message message = whole(SOCK_DIAG_BY_FAMILY, (uint8_t *)&found, sizeof found);
  CHECK_EQUAL(sd_diag_parse(&message, 80, &answer), 0);
  CHECK(answer.cookie == 0x3FFFFFFFEu && answer.uid == 1000 && answer.inode == 5 && answer.state == 10);
  CHECK_EQUAL(sd_diag_parse(&message, 81, &answer), -EPROTO);
  message.length--;
  CHECK_EQUAL(sd_diag_parse(&message, 80, &answer), -EPROTO);
  message.length++;
  message.type = RTM_NEWROUTE;
  CHECK_EQUAL(sd_diag_parse(&message, 80, &answer), -EPROTO);
  message.type = SOCK_DIAG_BY_FAMILY;
  found.idiag_state = 1; /* established: not what we asked for */
  CHECK_EQUAL(sd_diag_parse(&message, 80, &answer), -ENOENT);
  found.idiag_family = AF_UNIX;
  CHECK_EQUAL(sd_diag_parse(&message, 80, &answer), -EPROTO);
}

static void route_answers(void) {
  struct {
    struct rtmsg body;
    struct rtattr header;
    uint8_t address[4];
  } answer = {.body = {.rtm_family = AF_INET, .rtm_type = RTN_LOCAL}, .header = {RTA_LENGTH(4), RTA_PREFSRC}, .address = {127, 0, 0, 1}};
  sd_address source;
  sd_netlink_message message = whole(RTM_NEWROUTE, (uint8_t *)&answer, sizeof answer);
  CHECK_EQUAL(sd_route_parse(&message, AF_INET, &source), 1);
  CHECK(source.family == AF_INET && source.bytes[0] == 127);
  CHECK_EQUAL(sd_route_parse(&message, AF_INET6, &source), -EPROTO);
  answer.body.rtm_type = RTN_UNICAST;
  CHECK_EQUAL(sd_route_parse(&message, AF_INET, &source), 0);
  answer.header.rta_len = RTA_LENGTH(3);
  CHECK_EQUAL(sd_route_parse(&message, AF_INET, &source), -EPROTO);
  answer.header.rta_len = 2; /* shorter than itself: as if there were none */
  CHECK_EQUAL(sd_route_parse(&message, AF_INET, &source), 0);
  CHECK_EQUAL(source.family, 0);
  answer.header.rta_len = 200;
  CHECK_EQUAL(sd_route_parse(&message, AF_INET, &source), 0);
  message.length = sizeof answer.body - 1;
  CHECK_EQUAL(sd_route_parse(&message, AF_INET, &source), -EPROTO);
}

static void anything(void) {
  uint32_t seed = 12345;
  sd_netlink_message message;
  sd_diag_answer diag;
  sd_address source;
  for (int round = 0; round < 20000; round++) {
    uint8_t bytes[160] = {0};
    struct inet_diag_msg body;
    memset(&body, 0, sizeof body);
    body.idiag_family = AF_INET;
    body.idiag_state = 10;
    size_t length = put(bytes, round & 1 ? SOCK_DIAG_BY_FAMILY : RTM_NEWROUTE, SEQUENCE, PORT, &body, sizeof body);
    for (unsigned changes = test_random(&seed) % 6; changes > 0; changes--)
      bytes[test_random(&seed) % length] = (uint8_t)test_random(&seed);
    length -= test_random(&seed) % 5 == 0 ? test_random(&seed) % length : 0;
    if (find(bytes, length, &message) != 0) continue;
    CHECK(message.length <= length);
    sd_diag_parse(&message, 80, &diag);
    sd_route_parse(&message, AF_INET, &source);
    sd_route_parse(&message, AF_INET6, &source);
  }
  find(NULL, 0, &message);
}

void test_netlink(void) {
  headers();
  errors();
  diag_answers();
  route_answers();
  anything();
}
