/*
 * Control connections: AF_UNIX SOCK_SEQPACKET under abstract names (DESIGN D3, D4, D5).
 * No call here blocks, whatever the peer has done to descriptors or queues: every operation says MSG_DONTWAIT itself.
 */
#ifndef SD_CONTROL_H
#define SD_CONTROL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SD_CONTROL_NAME_MAX 107
#define SD_CONTROL_PACKET_MAX 512
#define SD_CONTROL_ANNOUNCEMENTS 16
#define SD_CONTROL_BELL 0x42 /* a packet of this one byte is the doorbell */

typedef struct sd_credentials {
  uid_t uid;
  gid_t gid;
  pid_t pid;
} sd_credentials;

/* A listening socket, or a negative errno (-EADDRINUSE: somebody has that name). */
int sd_control_listen(const char *name, size_t name_length, int backlog);

/*
 * The first free name of "<prefix><port>.0" to ".15" (SD_CONTROL_ANNOUNCEMENTS), taken by a socket that nobody ever
 * reads: that the name is there is all it says. The socket, or a negative errno (-EADDRINUSE: all are taken).
 */
int sd_control_announce(const char *prefix, uint16_t port);

/*
 * Is one of the first `names` names of a port there (at most SD_CONTROL_ANNOUNCEMENTS)? 1, 0, or a negative errno. *probe: -1 at first; a
 * socket that is kept for the next question and is the caller's to close. Says nothing about who took the name.
 */
int sd_control_announced(const char *prefix, uint16_t port, unsigned names, int *probe);

/* A connected socket, or a negative errno: -ECONNREFUSED nobody listens, -EAGAIN its accept queue is full. */
int sd_control_connect(const char *name, size_t name_length);

/*
 * The first of the names "<prefix><*n>" to "<prefix><end - 1>" under which somebody listens: a connected socket, *n says
 * which. Or a negative errno: -ECONNREFUSED and *n = end: nobody; another one: as of the name *n.
 */
int sd_control_connect_first(const char *prefix, unsigned *n, unsigned end);

/* The next connection, or -EAGAIN, -EMFILE … */
int sd_control_accept(int fd);

/* Who was at the other end when it connected (SO_PEERCRED). */
int sd_control_credentials(int fd, sd_credentials *out);

/* One packet with at most one descriptor (-1: none; the caller keeps it). Bytes sent, or a negative errno. */
int sd_control_send(int fd, const void *bytes, size_t length, int passed);

/*
 * One packet. Its length, 0 at the end (or for an empty packet, which nobody sends), or a negative errno: -EAGAIN
 * nothing there, -EPROTO longer than capacity or more than one descriptor (all of them are closed).
 * *passed: the descriptor that came with it, CLOEXEC, the caller's now; else -1.
 */
int sd_control_receive(int fd, void *bytes, size_t capacity, int *passed);

/* Rings. A full queue is as good as a ring: the peer's end is readable. 1 if a byte was sent, else 0. */
int sd_control_bell(int fd);

#endif
