/* What the mock upstream and the load generator share: the clock, growing buffers, header look-up, sockets. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000LL

typedef struct {
  char *data;
  size_t len, cap;
} buffer;

static inline int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static inline void append(buffer *b, const void *data, size_t n) {
  if (b->len + n > b->cap) {
    b->cap = (b->len + n) * 2;
    b->data = realloc(b->data, b->cap);
    if (!b->data) abort();
  }
  memcpy(b->data + b->len, data, n);
  b->len += n;
}

/* Forget the first n bytes. */
static inline void consume(buffer *b, size_t n) {
  memmove(b->data, b->data + n, b->len - n);
  b->len -= n;
}

/* The value of a header (`name` with its colon) within a header block, or NULL. */
static inline const char *header(const char *block, size_t n, const char *name) {
  size_t k = strlen(name);
  const char *line = block, *end = block + n;
  while (line && line < end) {
    if ((size_t)(end - line) > k && !strncasecmp(line, name, k)) {
      for (line += k; *line == ' '; line++) {}
      return line;
    }
    line = memchr(line, '\n', end - line);
    if (line) line++;
  }
  return NULL;
}

static inline int header_is(const char *block, size_t n, const char *name, const char *value) {
  const char *found = header(block, n, name);
  return found && !strncasecmp(found, value, strlen(value));
}

static inline struct sockaddr_in loopback(int port) {
  struct sockaddr_in a = {0};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

static inline void no_delay(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static inline void watch(int ep, int op, int fd, uint32_t events, void *owner) {
  struct epoll_event e = {.events = events, .data.ptr = owner};
  epoll_ctl(ep, op, fd, &e);
}

/* Wait at most `ns` nanoseconds; -1 waits for ever. */
static inline int wait_events(int ep, struct epoll_event *events, int max, int64_t ns) {
  struct timespec t = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
  return epoll_pwait2(ep, events, max, ns < 0 ? NULL : &t, NULL);
}

#endif
