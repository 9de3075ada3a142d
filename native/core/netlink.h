/*
 * Questions to the kernel over netlink. A descriptor is kept, so that a question is two system calls. The kernel
 * answers these questions within the send, so nothing here waits. Answers are checked like any other input:
 * sender, sequence, port id, every length.
 */
#ifndef SD_NETLINK_H
#define SD_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sd_netlink {
  int fd; /* -1: not open */
  int protocol;
  uint32_t sequence;
  uint32_t port;
} sd_netlink;

typedef struct sd_netlink_message {
  uint16_t type;
  uint16_t flags;
  uint32_t sequence;
  uint32_t port;
  const uint8_t *payload;
  size_t length;
} sd_netlink_message;

void sd_netlink_init(sd_netlink *netlink, int protocol);

/* Opens if it is not open, subscribed to multicast `groups`. 0 or a negative errno. */
int sd_netlink_open(sd_netlink *netlink, uint32_t groups);
void sd_netlink_close(sd_netlink *netlink);

/* Fills sequence and port id in and sends. 0 or a negative errno. */
int sd_netlink_send(sd_netlink *netlink, struct nlmsghdr *request);

/* One datagram that really came from the kernel: bytes, or -EAGAIN, -ENOBUFS (notices were lost), -EPROTO too long. */
int sd_netlink_receive(sd_netlink *netlink, void *buffer, size_t capacity);

/* Takes the next message off a datagram. 1 taken, 0 none left, -EPROTO malformed. */
int sd_netlink_next(const uint8_t **cursor, size_t *left, sd_netlink_message *out);

/* 0 = not an error message, else what it says: a negative errno; -EPROTO malformed or an acknowledgement nobody asked for. */
int sd_netlink_error(const sd_netlink_message *message);

/*
 * The answer to (sequence, port) in a datagram: 0 and *out, -EAGAIN not in it, -EPROTO malformed, or the errno it
 * carries. Stands alone so that it can be fed with anything.
 */
int sd_netlink_find_answer(const void *datagram, size_t length, uint32_t sequence, uint32_t port, sd_netlink_message *out);

/* Sends one question and returns its answer, which points into buffer. Opens when needed. */
int sd_netlink_ask(sd_netlink *netlink, struct nlmsghdr *request, void *buffer, size_t capacity, sd_netlink_message *out);

/* Finds an attribute behind `fixed` bytes of a payload. 0 if absent or malformed, else its address; *length its size. */
const uint8_t *sd_netlink_attribute(const sd_netlink_message *message, size_t fixed, uint16_t type, size_t *length);

#endif
