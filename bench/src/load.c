/* Closed-loop load on one HTTP/1.1 server of this machine: every connection asks again when its answer has ended.
 *
 * Times are milliseconds. For streams it counts events, takes the time to the first one, and the delay of each that
 * says when it was sent ("@<ns>@"). Where the body holds "user":"________________" those 16 characters become the
 * request's own number, and each event of its stream must say that number and come in order, up to [DONE].
 * usage: load [-c CONNECTIONS] [-d SECONDS] [-w WARM-UP SECONDS] [-n REQUESTS] [-s] [-b BODY FILE] [-H HEADER]... PORT PATH
 * Prints one JSON object. -s: answers are streams; -n: end after so many requests.
 */
#define _GNU_SOURCE
#include "wire.h"

#define DRAIN_S 12 /* how long answers may go on after the end */
enum { HEAD, SIZED, SIZE_LINE, CHUNK, CHUNK_END, TRAILER, TO_EOF };

typedef struct {
  double *at;
  size_t n, cap;
} series;

typedef struct {
  int fd, busy, status, state, closing, fresh, events, wrong, done;
  int64_t began;
  size_t sent, left;
  char user[24];
  buffer head, line;
  char *request;
} conn;

static int ep, connections = 1, streaming, checked;
static double seconds = 3, warm_up = 0.5;
static long limit = -1, started;
static struct sockaddr_in address;
static buffer request;
static size_t user_at;
static int64_t from, until;
static series latency, first_event, delay;
static long in_window, answered, events_in_window, all_events, bad_status, broken, wrong_content;
static int last_bad;

static void add(series *s, double x) {
  if (s->n == s->cap) s->at = realloc(s->at, (s->cap = s->cap ? s->cap * 2 : 4096) * sizeof *s->at);
  s->at[s->n++] = x;
}

static int counts(int64_t t) { return t >= from && t <= until; }

static void hang_up(conn *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}

static void failed(conn *c) {
  broken++;
  c->busy = 0;
  hang_up(c);
}

static void push(conn *c) {
  while (c->sent < request.len) {
    ssize_t n = send(c->fd, c->request + c->sent, request.len - c->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == ENOTCONN)) return watch(ep, EPOLL_CTL_MOD, c->fd, EPOLLIN | EPOLLOUT, c);
    if (n < 0) return failed(c);
    c->sent += n;
  }
  watch(ep, EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
}

static void dial(conn *c) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  c->fresh = 1;
  no_delay(c->fd);
  connect(c->fd, (void *)&address, sizeof address);
  watch(ep, EPOLL_CTL_ADD, c->fd, EPOLLIN | EPOLLOUT, c);
}

static void ask(conn *c) {
  if (limit >= 0 && started >= limit) return;
  started++;
  if (checked) {
    sprintf(c->user, "%016ld", started);
    memcpy(c->request + user_at, c->user, 16);
  }
  c->busy = 1;
  c->sent = c->head.len = c->line.len = 0;
  c->state = HEAD;
  c->status = c->events = c->wrong = c->done = 0;
  c->began = now_ns();
  if (c->fd < 0) dial(c);
  else push(c);
}

static void ended(conn *c) {
  int64_t t = now_ns();
  int bad_stream = checked && (c->wrong || !c->done);
  c->busy = 0;
  c->fresh = 0;
  answered++;
  if (c->status != 200) bad_status++, last_bad = c->status;
  else if (bad_stream) wrong_content++;
  else {
    in_window += counts(t);
    if (counts(c->began)) add(&latency, (t - c->began) / 1e6);
  }
  if (c->closing) hang_up(c);
  if (t < until) ask(c);
}

/* One line of a stream: an event, or what parts them. */
static void on_line(conn *c, const char *line, size_t n, int64_t t) {
  if (n < 6 || memcmp(line, "data: ", 6)) return;
  all_events++;
  events_in_window += counts(t);
  if (!c->events && counts(c->began)) add(&first_event, (t - c->began) / 1e6);
  if (n >= 12 && !memcmp(line + 6, "[DONE]", 6)) c->done = 1;
  const char *mark = memchr(line, '@', n), *own = memmem(line, n, "\"content\":\" ", 12);
  if (!mark) return;
  int number = -1;
  const char *hash = memrchr(line, '#', mark - line);
  if (hash) number = atoi(hash + 1);
  if (checked && (!own || memcmp(own + 12, c->user, 16) || number != c->events)) c->wrong = 1;
  if (counts(t)) add(&delay, (t - atoll(mark + 1)) / 1e6);
  c->events++;
}

static void on_body(conn *c, const char *data, size_t n, int64_t t) {
  if (!streaming) return;
  for (const char *end = data + n; data < end;) {
    const char *eol = memchr(data, '\n', end - data);
    append(&c->line, data, (eol ? eol : end) - data);
    if (!eol) return;
    append(&c->line, "", 1);
    on_line(c, c->line.data, c->line.len - 1, t);
    c->line.len = 0;
    data = eol + 1;
  }
}

/* The head is whole: what kind of body follows? 1: none. */
static int on_head(conn *c, size_t n) {
  const char *length = header(c->head.data, n, "content-length:");
  c->status = atoi(c->head.data + 9);
  c->closing = header_is(c->head.data, n, "connection:", "close");
  if (header_is(c->head.data, n, "transfer-encoding:", "chunked")) c->state = SIZE_LINE;
  else if (length) c->state = SIZED, c->left = strtoul(length, NULL, 10);
  else c->state = TO_EOF, c->closing = 1;
  return c->state == SIZED && !c->left;
}

static size_t feed_head(conn *c, const char *data, size_t n, int *over) {
  size_t before = c->head.len, from_here = before > 3 ? before - 3 : 0;
  append(&c->head, data, n);
  char *end = memmem(c->head.data + from_here, c->head.len - from_here, "\r\n\r\n", 4);
  if (!end) return n;
  size_t head = end + 4 - c->head.data;
  *over = on_head(c, head);
  c->head.len = 0;
  return head - before;
}

static size_t feed_line(conn *c, const char *data, size_t n, int *over) {
  const char *eol = memchr(data, '\n', n);
  append(&c->head, data, eol ? (size_t)(eol - data) : n);
  if (!eol) return n;
  append(&c->head, "", 1);
  if (c->state == SIZE_LINE) c->left = strtoul(c->head.data, NULL, 16), c->state = c->left ? CHUNK : TRAILER;
  else if (c->state == CHUNK_END) c->state = SIZE_LINE;
  else *over = c->head.len <= 2;
  c->head.len = 0;
  return eol - data + 1;
}

static size_t feed_body(conn *c, const char *data, size_t n, int64_t t, int *over) {
  size_t take = c->state != TO_EOF && c->left < n ? c->left : n;
  on_body(c, data, take, t);
  if (c->state == TO_EOF) return n;
  c->left -= take;
  if (!c->left && c->state == SIZED) *over = 1;
  if (!c->left && c->state == CHUNK) c->state = CHUNK_END;
  return take;
}

static void on_bytes(conn *c, const char *data, size_t n) {
  int64_t t = now_ns();
  int over = 0;
  while (n && !over && c->busy) {
    size_t used = c->state == HEAD ? feed_head(c, data, n, &over)
                  : c->state == SIZED || c->state == CHUNK || c->state == TO_EOF ? feed_body(c, data, n, t, &over)
                                                                                  : feed_line(c, data, n, &over);
    data += used;
    n -= used;
  }
  if (over) ended(c);
}

static void on_closed(conn *c) {
  int stale = c->busy && !c->fresh && c->state == HEAD && !c->head.len; /* an idle connection may close under us */
  if (c->busy && c->state == TO_EOF && c->status) {
    hang_up(c);
    ended(c);
  } else if (stale) {
    hang_up(c);
    c->sent = 0;
    dial(c);
  } else if (c->busy) failed(c);
  else hang_up(c);
}

static void on_event(conn *c, uint32_t events) {
  static char bytes[1 << 18];
  if (c->fd < 0) return;
  if (events & EPOLLOUT && c->busy) push(c);
  if (c->fd < 0 || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
  if (n > 0) on_bytes(c, bytes, n);
  else if (n == 0 || errno != EAGAIN) on_closed(c);
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void show(const char *name, series *s, const char *end) {
  double at[3] = {0};
  qsort(s->at, s->n, sizeof *s->at, ascending);
  for (int i = 0; s->n && i < 3; i++) at[i] = s->at[(size_t)((double[]){0.5, 0.99, 1}[i] * (s->n - 1))];
  printf("\"%s\":{\"n\":%zu,\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f}%s", name, s->n, at[0], at[1], at[2], end);
}

static void build_request(const char *port, const char *path, const char *headers, const char *file) {
  static char head[8192];
  buffer body = {0};
  char part[65536];
  FILE *f = file ? fopen(file, "rb") : NULL;
  if (file && !f) exit((perror(file), 1));
  for (size_t n; f && (n = fread(part, 1, sizeof part, f)) > 0;) append(&body, part, n);
  append(&request, head, snprintf(head, sizeof head,
         "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
         path, port, headers, body.len));
  append(&request, body.data ? body.data : "", body.len);
  char *mark = memmem(request.data, request.len, "\"________________\"", 18);
  checked = mark != NULL;
  user_at = mark ? mark + 1 - request.data : 0;
}

static void run(conn *all) {
  int64_t begin = now_ns();
  struct epoll_event events[512];
  from = begin + warm_up * NS_PER_S;
  until = from + seconds * NS_PER_S;
  for (int64_t t = begin; t < until + DRAIN_S * NS_PER_S; t = now_ns()) {
    int busy = 0;
    for (int i = 0; i < connections; i++) {
      if (!all[i].busy && t < until) ask(&all[i]);
      busy += all[i].busy;
    }
    if (!busy && (t >= until || (limit >= 0 && started >= limit))) break;
    int n = wait_events(ep, events, 512, 20000000);
    for (int i = 0; i < n; i++) on_event(events[i].data.ptr, events[i].events);
  }
  for (int i = 0; i < connections; i++) broken += all[i].busy;
}

int main(int argc, char **argv) {
  char headers[4096] = "";
  const char *body = NULL;
  signal(SIGPIPE, SIG_IGN);
  for (int o; (o = getopt(argc, argv, "c:d:w:n:sb:H:")) != -1;) {
    if (o == 'c') connections = atoi(optarg);
    else if (o == 'd') seconds = atof(optarg);
    else if (o == 'w') warm_up = atof(optarg);
    else if (o == 'n') limit = atol(optarg);
    else if (o == 's') streaming = 1;
    else if (o == 'b') body = optarg;
    else if (o == 'H') strncat(strncat(headers, optarg, 1000), "\r\n", 3);
    else return 2;
  }
  if (argc - optind < 2) return fprintf(stderr, "load: PORT PATH\n"), 2;
  address = loopback(atoi(argv[optind]));
  build_request(argv[optind], argv[optind + 1], headers, body);
  ep = epoll_create1(0);
  conn *all = calloc(connections, sizeof *all);
  for (int i = 0; i < connections; i++) {
    all[i].fd = -1;
    all[i].request = checked ? malloc(request.len) : request.data;
    if (checked) memcpy(all[i].request, request.data, request.len);
  }
  run(all);
  printf("{\"requests_per_s\":%.2f,\"events_per_s\":%.2f,\"requests\":%ld,\"events\":%ld,", in_window / seconds,
         events_in_window / seconds, answered, all_events);
  printf("\"bad_status\":%ld,\"broken\":%ld,\"wrong_content\":%ld,\"last_bad\":%d,", bad_status, broken, wrong_content, last_bad);
  show("latency", &latency, ",");
  show("first_event", &first_event, ",");
  show("delay", &delay, "}\n");
}
