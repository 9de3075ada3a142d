#include "netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWERS_MAX 16 /* datagrams to look through for ours: late answers to questions that failed */

void sd_netlink_init(sd_netlink *netlink, int protocol) {
  memset(netlink, 0, sizeof *netlink);
  netlink->fd = -1;
  netlink->protocol = protocol;
}

int sd_netlink_open(sd_netlink *netlink, uint32_t groups) {
  if (netlink->fd >= 0) return 0;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, netlink->protocol);
  if (fd < 0) return -errno;
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
  socklen_t size = sizeof address;
  int error = 0;
  if (bind(fd, (struct sockaddr *)&address, size) != 0) error = -errno;
  else if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) error = -errno;
  if (error != 0) {
    close(fd);
    return error;
  }
  netlink->fd = fd;
  netlink->port = address.nl_pid;
  return 0;
}

void sd_netlink_close(sd_netlink *netlink) {
  if (netlink->fd >= 0) close(netlink->fd);
  netlink->fd = -1;
}

int sd_netlink_send(sd_netlink *netlink, struct nlmsghdr *request) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (++netlink->sequence == 0) netlink->sequence = 1; /* 0 is what notices carry */
  request->nlmsg_seq = netlink->sequence;
  request->nlmsg_pid = netlink->port;
  ssize_t sent;
  do sent = sendto(netlink->fd, request, request->nlmsg_len, MSG_DONTWAIT, (struct sockaddr *)&kernel, sizeof kernel);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return -errno;
  return (size_t)sent == request->nlmsg_len ? 0 : -EPROTO;
}

int sd_netlink_receive(sd_netlink *netlink, void *buffer, size_t capacity) {
  for (;;) {
    struct sockaddr_nl sender = {0};
    struct iovec part = {.iov_base = buffer, .iov_len = capacity};
    struct msghdr message = {.msg_name = &sender, .msg_namelen = sizeof sender, .msg_iov = &part, .msg_iovlen = 1};
    ssize_t received = recvmsg(netlink->fd, &message, MSG_DONTWAIT);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return -errno;
    if (message.msg_namelen != sizeof sender || sender.nl_pid != 0) continue; /* another process may send to our port */
    if ((message.msg_flags & MSG_TRUNC) != 0) return -EPROTO;
    return (int)received;
  }
}

int sd_netlink_next(const uint8_t **cursor, size_t *left, sd_netlink_message *out) {
  struct nlmsghdr header;
  if (*left == 0) return 0;
  if (*left < sizeof header) return -EPROTO;
  memcpy(&header, *cursor, sizeof header);
  if (header.nlmsg_len < sizeof header || header.nlmsg_len > *left) return -EPROTO;
  out->type = header.nlmsg_type;
  out->flags = header.nlmsg_flags;
  out->sequence = header.nlmsg_seq;
  out->port = header.nlmsg_pid;
  out->payload = *cursor + sizeof header;
  out->length = header.nlmsg_len - sizeof header;
  size_t step = NLMSG_ALIGN((size_t)header.nlmsg_len);
  if (step > *left) step = *left;
  *cursor += step;
  *left -= step;
  return 1;
}

int sd_netlink_error(const sd_netlink_message *message) {
  if (message->type != NLMSG_ERROR) return 0;
  int32_t error;
  if (message->length < sizeof error) return -EPROTO;
  memcpy(&error, message->payload, sizeof error);
  return error < 0 && error >= -4095 ? error : -EPROTO;
}

int sd_netlink_find_answer(const void *datagram, size_t length, uint32_t sequence, uint32_t port, sd_netlink_message *out) {
  const uint8_t *cursor = datagram;
  for (;;) {
    int taken = sd_netlink_next(&cursor, &length, out);
    if (taken <= 0) return taken == 0 ? -EAGAIN : taken;
    if (out->sequence != sequence || out->port != port) continue;
    if (out->type == NLMSG_DONE || out->type == NLMSG_NOOP || out->type == NLMSG_OVERRUN) return -EPROTO;
    return sd_netlink_error(out);
  }
}

int sd_netlink_ask(sd_netlink *netlink, struct nlmsghdr *request, void *buffer, size_t capacity, sd_netlink_message *out) {
  int error = sd_netlink_open(netlink, 0);
  if (error != 0) return error;
  error = sd_netlink_send(netlink, request);
  for (int i = 0; error == 0 && i < ANSWERS_MAX; i++) {
    int received = sd_netlink_receive(netlink, buffer, capacity);
    if (received == -ENOBUFS) continue; /* an old answer did not fit; ours may still be there */
    if (received < 0) {
      error = received;
      break;
    }
    int found = sd_netlink_find_answer(buffer, (size_t)received, netlink->sequence, netlink->port, out);
    if (found != -EAGAIN) return found;
  }
  sd_netlink_close(netlink); /* out of step: start afresh next time */
  return error != 0 ? error : -EPROTO;
}

const uint8_t *sd_netlink_attribute(const sd_netlink_message *message, size_t fixed, uint16_t type, size_t *length) {
  size_t at = NLMSG_ALIGN(fixed);
  while (at < message->length && message->length - at >= sizeof(struct rtattr)) {
    struct rtattr header;
    memcpy(&header, message->payload + at, sizeof header);
    if (header.rta_len < sizeof header || header.rta_len > message->length - at) return NULL;
    if ((header.rta_type & NLA_TYPE_MASK) == type) {
      *length = header.rta_len - sizeof header;
      return message->payload + at + sizeof header;
    }
    at += RTA_ALIGN((size_t)header.rta_len);
  }
  return NULL;
}
