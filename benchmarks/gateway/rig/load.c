/* Clients in a closed loop: each sends a request when its last one is answered.
   load PORT PATH CLIENTS SECONDS BODIES [HEADER ...]
   BODIES holds one JSON body a line; every request takes the next. Prints one JSON line:
   answered, errors, and microseconds to the first and the last byte. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct client {
  int fd;
  double asked, first;
  char head[8192];      /* the answer's headers */
  size_t headed;
  int complete;         /* headers are complete */
  long left;            /* bytes of the body, -1: chunked */
  char end[64];         /* the last bytes of the body */
  size_t ended;
};

static char **bodies, top[4096];
static size_t count, next_body;
static int epoll, port;
static double *firsts, *lasts;
static size_t answered, room;
static long errors;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void join(struct client *c) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  int one = 1;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(c->fd, (struct sockaddr *)&at, sizeof at)) { perror("connect"); exit(1); }
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
}

static void ask(struct client *c) {
  static char out[1 << 21];
  char *body = bodies[next_body++ % count];
  int size = snprintf(out, sizeof out, "%scontent-length: %zu\r\n\r\n%s", top, strlen(body), body);
  c->headed = c->ended = 0;
  c->complete = 0;
  c->first = 0;
  c->asked = now();
  if (send(c->fd, out, size, MSG_NOSIGNAL) != size) errors++;
}

static void ends(struct client *c, int good, int again) {
  if (good) {
    if (answered == room) {
      room = room * 2 + 65536;
      firsts = realloc(firsts, room * sizeof *firsts);
      lasts = realloc(lasts, room * sizeof *lasts);
    }
    firsts[answered] = (c->first - c->asked) * 1e6;
    lasts[answered++] = (now() - c->asked) * 1e6;
  } else errors++;
  if (!again) { close(c->fd); join(c); }
  ask(c);
}

static void body(struct client *c, const char *data, size_t size) {
  if (!c->first && size) c->first = now();
  size_t keep = size < sizeof c->end ? size : sizeof c->end;
  if (c->ended + keep > sizeof c->end) {
    size_t drop = c->ended + keep - sizeof c->end;
    memmove(c->end, c->end + drop, c->ended -= drop);
  }
  memcpy(c->end + c->ended, data + size - keep, keep);
  c->ended += keep;
  int good = !strncmp(c->head + 9, "200", 3);
  if (c->left >= 0) {
    if ((c->left -= size) == 0) ends(c, good, 1);
  } else if (c->ended >= 5 && !memcmp(c->end + c->ended - 5, "0\r\n\r\n", 5)) {
    ends(c, good && memmem(c->end, c->ended, "[DONE]", 6), 1);
  }
}

static void take(struct client *c) {
  static char data[1 << 18];
  ssize_t n = recv(c->fd, data, sizeof data, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) { ends(c, 0, 0); return; }
  if (c->complete) { body(c, data, n); return; }
  if (c->headed + n >= sizeof c->head) n = sizeof c->head - 1 - c->headed;
  memcpy(c->head + c->headed, data, n);
  c->head[c->headed += n] = 0;
  char *end = strstr(c->head, "\r\n\r\n");
  if (!end) return;
  c->complete = 1;
  char *length = strcasestr(c->head, "content-length:");
  c->left = length && length < end ? atol(length + 15) : -1;
  char *rest = end + 4;
  body(c, rest, c->head + c->headed - rest);
}

static int by_size(const void *a, const void *b) {
  double x = *(double *)a, y = *(double *)b;
  return (x > y) - (x < y);
}

static double quantile(double *of, double q) {
  qsort(of, answered, sizeof *of, by_size);
  return answered ? of[(size_t)(q * (answered - 1))] : 0;
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  port = atoi(argv[1]);
  int clients = atoi(argv[3]);
  double until = now() + atof(argv[4]);
  FILE *file = fopen(argv[5], "r");
  char *line = NULL;
  size_t size = 0;
  for (ssize_t n; file && (n = getline(&line, &size, file)) > 0;) {
    line[n - 1] = 0;
    bodies = realloc(bodies, (count + 1) * sizeof *bodies);
    bodies[count++] = strdup(line);
  }
  if (!count) return 2;
  srand(getpid());
  next_body = rand() % count;
  int at = sprintf(top, "POST %s HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n", argv[2]);
  for (int i = 6; i < argc; i++) at += sprintf(top + at, "%s\r\n", argv[i]);
  epoll = epoll_create1(0);
  struct client *all = calloc(clients, sizeof *all);
  for (int i = 0; i < clients; i++) { join(&all[i]); ask(&all[i]); }
  struct epoll_event got[256];
  while (now() < until) {
    int n = epoll_wait(epoll, got, 256, 10);
    for (int i = 0; i < n; i++) take(got[i].data.ptr);
  }
  size_t done = answered;
  double f50 = quantile(firsts, .5), f99 = quantile(firsts, .99);
  double l50 = quantile(lasts, .5), l99 = quantile(lasts, .99);
  printf("{\"answered\": %zu, \"errors\": %ld, \"first_p50_us\": %.1f, \"first_p99_us\": %.1f, "
         "\"last_p50_us\": %.1f, \"last_p99_us\": %.1f}\n", done, errors, f50, f99, l50, l99);
}
