#include "diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

#define STATE_LISTEN 10 /* TCP_LISTEN; <netinet/tcp.h> and <linux/tcp.h> cannot both be had */
#define ALL_STATES 0xFFFFFFFFu

int sd_diag_parse(const sd_netlink_message *message, uint16_t remote_port, sd_diag_answer *out) {
  struct inet_diag_msg found;
  if (message->type != SOCK_DIAG_BY_FAMILY || message->length < sizeof found) return -EPROTO;
  memcpy(&found, message->payload, sizeof found);
  if (found.idiag_family != AF_INET && found.idiag_family != AF_INET6) return -EPROTO;
  out->cookie = (uint64_t)found.id.idiag_cookie[1] << 32 | found.id.idiag_cookie[0];
  out->uid = found.idiag_uid;
  out->inode = found.idiag_inode;
  out->state = found.idiag_state;
  if (found.idiag_state != STATE_LISTEN) return -ENOENT;
  return ntohs(found.id.idiag_sport) == remote_port ? 0 : -EPROTO;
}

int sd_diag_find(sd_netlink *netlink, const sd_address *remote, uint16_t remote_port, const sd_address *local,
                 uint16_t local_port, sd_diag_answer *out) {
  if (remote->family != local->family) return -EINVAL;
  struct {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
  } request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.body.sdiag_family = (uint8_t)remote->family;
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = ALL_STATES;
  /* The question is put from the listener's side: its source is our destination. */
  request.body.id.idiag_sport = htons(remote_port);
  request.body.id.idiag_dport = htons(local_port);
  memcpy(request.body.id.idiag_src, remote->bytes, sd_address_size(remote->family));
  memcpy(request.body.id.idiag_dst, local->bytes, sd_address_size(local->family));
  request.body.id.idiag_if = remote->scope;
  request.body.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  request.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  _Alignas(8) uint8_t buffer[4096];
  sd_netlink_message answer;
  int error = sd_netlink_ask(netlink, &request.header, buffer, sizeof buffer, &answer);
  return error != 0 ? error : sd_diag_parse(&answer, remote_port, out);
}
