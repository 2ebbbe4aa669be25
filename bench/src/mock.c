/* An OpenAI-shaped upstream that costs next to nothing, so that a proxy before it is what gets measured.
 *
 * The request body says what to answer, so it works through any proxy:
 *   .../chat/completions with "stream": true   "max_tokens" events, "seed" microseconds apart; each says the
 *                                              "user" of the request, its number and when it was sent: " u#7@123@"
 *   .../chat/completions                       about 600 bytes of JSON
 *   .../embeddings                             16 vectors of 1,024 floats, about 190 KB
 *   anything else                              a short JSON list
 * usage: mock PORT SECONDS      (ends by itself after SECONDS)
 */
#define _GNU_SOURCE
#include "wire.h"

#define MAX_STREAMS 8192
#define SCANNED 4096 /* only this much of each end of a body is looked at: a 1 MB image costs nothing here */

typedef struct {
  int fd, slot, closing, sent, total;
  int64_t gap_ns;
  size_t flushed;
  buffer in, out;
  char user[64];
} conn;

static int ep;
static int streams;
static struct {
  int64_t due;
  conn *c;
} timers[MAX_STREAMS];
static buffer chat_reply, embeddings_reply;
static const char LIST[] = "{\"object\":\"list\",\"data\":[{\"id\":\"up-chat\",\"object\":\"model\",\"owned_by\":\"mock\"}]}";
static const char EVENT[] = "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
                            "\"model\":\"up-chat\",\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\" %s#%d@%lld@\"},"
                            "\"logprobs\":null,\"finish_reason\":null}]}\n\n";
static const char LAST[] = "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
                           "\"model\":\"up-chat\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,"
                           "\"finish_reason\":\"stop\"}]}\n\n";
static const char USAGE[] = "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
                            "\"model\":\"up-chat\",\"choices\":[],\"usage\":{\"prompt_tokens\":20,"
                            "\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n";

static void start_timer(conn *c, int64_t due) {
  c->slot = streams;
  timers[streams].due = due;
  timers[streams++].c = c;
}

static void stop_timer(conn *c) {
  if (c->slot < 0) return;
  timers[c->slot] = timers[--streams];
  timers[c->slot].c->slot = c->slot;
  c->slot = -1;
}

static void drop(conn *c) {
  stop_timer(c);
  close(c->fd);
  free(c->in.data);
  free(c->out.data);
  free(c);
}

/* Send what is waiting. -1: the connection is gone. */
static int flush(conn *c) {
  while (c->flushed < c->out.len) {
    ssize_t n = send(c->fd, c->out.data + c->flushed, c->out.len - c->flushed, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      watch(ep, EPOLL_CTL_MOD, c->fd, EPOLLIN | EPOLLOUT, c);
      return 0;
    }
    if (n < 0) return -1;
    c->flushed += n;
  }
  c->out.len = c->flushed = 0;
  return c->closing && c->slot < 0 ? -1 : 0;
}

static void put_chunk(conn *c, const char *text, int n) {
  char size[16];
  append(&c->out, size, sprintf(size, "%x\r\n", n));
  append(&c->out, text, n);
  append(&c->out, "\r\n", 2);
}

static void put_reply(conn *c, const char *status, const char *body, size_t n) {
  char head[160];
  append(&c->out, head, sprintf(head, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, n));
  append(&c->out, body, n);
}

/* The next event of a stream; its end behind the last one. */
static void next_event(conn *c) {
  char text[768];
  if (c->sent < c->total) {
    const char *role = c->sent ? "" : "\"role\":\"assistant\",";
    put_chunk(c, text, sprintf(text, EVENT, role, c->user, c->sent, (long long)now_ns()));
    c->sent++;
    return;
  }
  put_chunk(c, LAST, sizeof LAST - 1);
  put_chunk(c, text, sprintf(text, USAGE, c->total, c->total + 20));
  put_chunk(c, "data: [DONE]\n\n", 14);
  append(&c->out, "0\r\n\r\n", 5);
  stop_timer(c);
}

/* Where the value of a JSON key begins, looked for at both ends of the body. */
static const char *value_of(const char *body, size_t n, const char *key) {
  size_t part = n < SCANNED ? n : SCANNED;
  const char *found = memmem(body, part, key, strlen(key));
  if (!found) found = memmem(body + n - part, part, key, strlen(key));
  if (!found) return NULL;
  for (found += strlen(key); found < body + n && (*found == ' ' || *found == ':'); found++) {}
  return found < body + n ? found : NULL;
}

static long number_of(const char *body, size_t n, const char *key, long otherwise) {
  const char *value = value_of(body, n, key);
  return value && *value >= '0' && *value <= '9' ? atol(value) : otherwise;
}

/* Keep the string that begins at `user`; "u" without one. */
static void take_user(conn *c, const char *user, const char *end) {
  size_t n = 0;
  if (user && *user == '"')
    for (user++; user < end && *user != '"' && n < sizeof c->user - 1; user++) c->user[n++] = *user;
  if (!n) c->user[n++] = 'u';
  c->user[n] = 0;
}

static void start_stream(conn *c, const char *body, size_t n) {
  static const char HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n";
  const char *user = value_of(body, n, "\"user\":"); /* not the role of a message */
  c->total = number_of(body, n, "\"max_tokens\"", -1);
  if (c->total < 0) c->total = number_of(body, n, "\"max_completion_tokens\"", 100);
  c->gap_ns = number_of(body, n, "\"seed\"", 10000) * 1000LL;
  c->sent = 0;
  take_user(c, user, body + n);
  append(&c->out, HEAD, sizeof HEAD - 1);
  start_timer(c, now_ns() + c->gap_ns);
  next_event(c);
}

static void answer(conn *c, const char *line, size_t line_len, const char *body, size_t n) {
  const char *stream = value_of(body, n, "\"stream\"");
  if (memmem(line, line_len, "/embeddings", 11)) put_reply(c, "200 OK", embeddings_reply.data, embeddings_reply.len);
  else if (memcmp(line, "POST", 4)) put_reply(c, "200 OK", LIST, sizeof LIST - 1);
  else if (stream && *stream == 't' && streams < MAX_STREAMS) start_stream(c, body, n);
  else put_reply(c, "200 OK", chat_reply.data, chat_reply.len);
}

/* Answer every whole request that has arrived. -1: close. */
static int work(conn *c) {
  while (c->slot < 0) {
    char *end = c->in.len ? memmem(c->in.data, c->in.len, "\r\n\r\n", 4) : NULL;
    if (!end) break;
    size_t head = end - c->in.data + 4;
    const char *length = header(c->in.data, head, "content-length:");
    size_t n = length ? strtoul(length, NULL, 10) : 0;
    if (c->in.len < head + n) break;
    c->closing = header_is(c->in.data, head, "connection:", "close");
    answer(c, c->in.data, strcspn(c->in.data, "\r"), end + 4, n);
    consume(&c->in, head + n);
  }
  return flush(c);
}

static void accept_all(int listener) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    conn *c = calloc(1, sizeof *c);
    c->fd = fd;
    c->slot = -1;
    no_delay(fd);
    watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN, c);
  }
}

static void on_event(conn *c, uint32_t events) {
  static char bytes[1 << 18];
  if (events & EPOLLOUT) {
    watch(ep, EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
    if (flush(c)) return drop(c);
  }
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) return drop(c);
  append(&c->in, bytes, n);
  if (work(c)) drop(c);
}

/* Send what is due; returns the time until the next event, -1 for none. */
static int64_t run_timers(void) {
  int64_t now = now_ns(), next = -1;
  for (int i = streams - 1; i >= 0; i--) {
    conn *c = timers[i].c;
    if (timers[i].due <= now) {
      timers[i].due += c->gap_ns;
      next_event(c);
      if (c->slot < 0 ? work(c) : flush(c)) {
        drop(c);
        continue;
      }
    }
    if (c->slot >= 0 && (next < 0 || timers[c->slot].due < next)) next = timers[c->slot].due;
  }
  if (next < 0) return -1;
  now = now_ns();
  return next > now ? next - now : 0;
}

static void make_replies(void) {
  static const char CHAT[] =
      "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"up-chat\",\"choices\":"
      "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"A gateway answers at one address for many models. It "
      "checks the key, finds who serves the model, passes the request on, and hands back the answer as it came, counting "
      "what was used. This text is about as long as a short chat answer, so that there is something to carry.\","
      "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":20,"
      "\"completion_tokens\":60,\"total_tokens\":80},\"system_fingerprint\":\"fp_mock\"}";
  char text[128];
  append(&chat_reply, CHAT, sizeof CHAT - 1);
  append(&embeddings_reply, text, sprintf(text, "{\"object\":\"list\",\"data\":["));
  for (int row = 0; row < 16; row++) {
    append(&embeddings_reply, text, sprintf(text, "%s{\"object\":\"embedding\",\"index\":%d,\"embedding\":[", row ? "," : "", row));
    for (int i = 0; i < 1024; i++) {
      double x = ((row * 1024 + i) * 7919 % 100003) / 1000030.0 - 0.05;
      append(&embeddings_reply, text, sprintf(text, "%s%.8f", i ? "," : "", x));
    }
    append(&embeddings_reply, "]}", 2);
  }
  append(&embeddings_reply, text,
         sprintf(text, "],\"model\":\"up-embed\",\"usage\":{\"prompt_tokens\":128,\"total_tokens\":128}}"));
}

int main(int argc, char **argv) {
  if (argc < 3) return fprintf(stderr, "usage: mock PORT SECONDS\n"), 2;
  signal(SIGPIPE, SIG_IGN);
  alarm(atoi(argv[2]));
  make_replies();
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  struct sockaddr_in address = loopback(atoi(argv[1]));
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) return perror("mock"), 1;
  ep = epoll_create1(0);
  watch(ep, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
  struct epoll_event events[256];
  for (int64_t pause = -1;; pause = run_timers()) {
    int n = wait_events(ep, events, 256, pause);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr) on_event(events[i].data.ptr, events[i].events);
      else accept_all(listener);
    }
  }
}
