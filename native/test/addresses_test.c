#include "../core/addresses.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>

#include "test.h"

typedef struct seen {
  int added, deleted, replayed;
} seen;

static void on_change(void *owner, bool added, const sd_addresses_entry *entry) {
  seen *counts = owner;
  CHECK(entry->address.family == AF_INET || entry->address.family == AF_INET6);
  if (added) counts->added++;
  else counts->deleted++;
}

static void on_replayed(void *owner) { ((seen *)owner)->replayed++; }

static void prepare(sd_addresses *addresses, seen *counts) {
  memset(counts, 0, sizeof *counts);
  sd_addresses_init(addresses);
  addresses->on_change = on_change;
  addresses->on_replayed = on_replayed;
  addresses->owner = counts;
}

static size_t notice(uint8_t *to, uint16_t type, uint32_t sequence, uint32_t port, uint8_t last, uint32_t flags) {
  struct {
    struct nlmsghdr header;
    struct ifaddrmsg body;
    struct rtattr local;
    uint8_t address[4];
    struct rtattr wide;
    uint32_t flags;
  } message = {.header = {sizeof message, type, 0, sequence, port},
               .body = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 1},
               .local = {RTA_LENGTH(4), IFA_LOCAL},
               .address = {10, 0, 0, last},
               .wide = {RTA_LENGTH(4), IFA_FLAGS},
               .flags = flags};
  memcpy(to, &message, sizeof message);
  return sizeof message;
}

static size_t done(uint8_t *to, uint32_t sequence, uint32_t port) {
  struct nlmsghdr header = {NLMSG_LENGTH(4), NLMSG_DONE, 0, sequence, port};
  memset(to, 0, NLMSG_LENGTH(4));
  memcpy(to, &header, sizeof header);
  return NLMSG_LENGTH(4);
}

static void replay_of_this_host(void) {
  sd_addresses addresses;
  seen counts;
  prepare(&addresses, &counts);
  CHECK_EQUAL(sd_addresses_open(&addresses), 0);
  for (int i = 0; i < 1000 && addresses.replaying; i++) CHECK(sd_addresses_read(&addresses) >= 0);
  CHECK_EQUAL(counts.replayed, 1);
  CHECK_EQUAL(counts.added, addresses.count);
  bool loopback = false;
  for (size_t i = 0; i < addresses.count; i++) {
    char text[SD_ADDRESS_TEXT_MAX];
    sd_address_format(&addresses.entries[i].address, text);
    loopback |= strcmp(text, "127.0.0.1") == 0 && strcmp(addresses.entries[i].interface_name, "lo") == 0;
  }
  CHECK(loopback);
  sd_addresses_close(&addresses);
}

/* No kernel: what a sequence of datagrams makes of the list. */
static void notices(void) {
  sd_addresses addresses;
  seen counts;
  uint8_t bytes[512];
  prepare(&addresses, &counts);
  CHECK_EQUAL(sd_addresses_take(&addresses, bytes, notice(bytes, RTM_NEWADDR, 0, 0, 1, 0)), 0);
  CHECK_EQUAL(sd_addresses_take(&addresses, bytes, notice(bytes, RTM_NEWADDR, 0, 0, 1, 0)), 0); /* lifetime refreshed */
  CHECK(counts.added == 1 && counts.deleted == 0);
  CHECK_EQUAL(sd_addresses_take(&addresses, bytes, notice(bytes, RTM_DELADDR, 0, 0, 9, 0)), 0); /* never known */
  CHECK_EQUAL(counts.deleted, 0);
  CHECK_EQUAL(sd_addresses_take(&addresses, bytes, notice(bytes, RTM_DELADDR, 0, 0, 1, 0)), 0);
  CHECK_EQUAL(counts.deleted, 1);
  sd_addresses_take(&addresses, bytes, notice(bytes, RTM_NEWADDR, 0, 0, 2, IFA_F_TENTATIVE));
  CHECK_EQUAL(counts.added, 1);
  sd_addresses_take(&addresses, bytes, notice(bytes, RTM_NEWADDR, 0, 0, 2, 0)); /* duplicate detection is over */
  CHECK_EQUAL(counts.added, 2);
  sd_addresses_take(&addresses, bytes, notice(bytes, RTM_NEWADDR, 0, 0, 2, IFA_F_DADFAILED));
  CHECK_EQUAL(counts.deleted, 2);
  CHECK_EQUAL(sd_addresses_take(&addresses, bytes, done(bytes, 0, 0)), 0); /* nobody asked */
  CHECK_EQUAL(counts.replayed, 0);
  sd_addresses_close(&addresses);
}

static void lost_notices_are_made_up_for(void) {
  sd_addresses addresses;
  seen counts;
  uint8_t bytes[512];
  prepare(&addresses, &counts);
  for (uint8_t i = 1; i <= 3; i++) sd_addresses_take(&addresses, bytes, notice(bytes, RTM_NEWADDR, 0, 0, i, 0));
  for (size_t i = 0; i < addresses.count; i++) addresses.entries[i].seen = false; /* as a new replay begins */
  addresses.replaying = true;
  addresses.netlink.sequence = 5;
  addresses.netlink.port = 77;
  sd_addresses_take(&addresses, bytes, notice(bytes, RTM_NEWADDR, 5, 77, 2, 0));
  sd_addresses_take(&addresses, bytes, notice(bytes, RTM_NEWADDR, 5, 77, 4, 0));
  sd_addresses_take(&addresses, bytes, done(bytes, 4, 77)); /* of an earlier question */
  CHECK_EQUAL(counts.replayed, 0);
  sd_addresses_take(&addresses, bytes, done(bytes, 5, 77));
  CHECK(counts.replayed == 1 && counts.added == 4 && counts.deleted == 2 && addresses.count == 2);
  sd_addresses_close(&addresses);
}

static void anything(void) {
  sd_addresses addresses;
  seen counts;
  uint32_t seed = 99;
  prepare(&addresses, &counts);
  for (int round = 0; round < 20000; round++) {
    uint8_t bytes[512];
    size_t length = notice(bytes, round & 1 ? RTM_NEWADDR : RTM_DELADDR, 0, 0, (uint8_t)test_random(&seed), 0);
    for (unsigned changes = test_random(&seed) % 4; changes > 0; changes--)
      bytes[test_random(&seed) % length] = (uint8_t)test_random(&seed);
    uint8_t *exact = malloc(length);
    memcpy(exact, bytes, length);
    int result = sd_addresses_take(&addresses, exact, length);
    CHECK(result == 0 || result == -EPROTO);
    free(exact);
  }
  CHECK_EQUAL(counts.added - counts.deleted, addresses.count);
  sd_addresses_close(&addresses);
}

void test_addresses(void) {
  replay_of_this_host();
  notices();
  lost_notices_are_made_up_for();
  anything();
}
