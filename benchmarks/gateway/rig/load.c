/* Clients in a closed loop: each sends a request when its last one has ended.
     load [options] PORT PATH BODIES
       -c CLIENTS  how many (1)
       -s SECONDS  no request begins later (5); what has begun is waited for, LIMIT_S at most
       -n MOST     no request begins after so many
       -l LOG      gets a line a request whose headers came: its name, its decision, how it ended
       -H HEADER   "name: value"
   BODIES holds one JSON body a line, each request takes the next. A client leaves after the first
   byte where the body says [leave]. With -l each request writes its name, r and nine digits, over
   the first r000000000 in its body, and every 10,000 requests "COUNT" goes to stderr.
   Prints one JSON line: how many began, were answered whole, were refused (a whole answer with a
   status other than 200), left and broke, and microseconds to the first and the last byte of the
   body of those answered. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_S = 90, TOLD_EVERY = 10000 };

struct client {
  int fd, busy, leaves;
  double asked, first;
  char name[11], head[16384];
  size_t headed;
  int complete;         /* headers are complete */
  long left;            /* bytes of the body, -1: chunked */
  char end[64];         /* the last bytes of the body */
  size_t ended;
};

static char **bodies, top[4096];
static size_t count, next_body, most = (size_t)-1, begun, over, answered, room;
static long refused, gone, broken;
static int epoll, port, running;
static double *firsts, *lasts, until;
static FILE *notes;
static volatile sig_atomic_t stop;

static void end(int number) { stop = number; }

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
  running -= c->busy;
  c->busy = 0;
  if (stop || begun == most || now() >= until) return;
  const char *body = bodies[next_body++ % count];
  int size = snprintf(out, sizeof out, "%scontent-length: %zu\r\n\r\n%s", top, strlen(body), body);
  snprintf(c->name, sizeof c->name, "r%09zu", ++begun % 1000000000);
  if (notes) {
    char *at = strstr(out, "r000000000");
    if (at) memcpy(at, c->name, 10);
  }
  c->leaves = !!strstr(body, "[leave]");
  c->headed = c->ended = 0;
  c->complete = 0;
  c->first = 0;
  c->busy = 1;
  running++;
  c->asked = now();
  if (send(c->fd, out, size, MSG_NOSIGNAL) != size) shutdown(c->fd, SHUT_RDWR);
}

static void note(struct client *c, const char *state) {
  if (!notes) return;
  char *id = strcasestr(c->head, "x-routewright-decision-id:");
  if (id && c->complete) {
    id += strspn(id + 26, " ") + 26;
    fprintf(notes, "{\"request\": \"%s\", \"decision_id\": \"%.*s\", \"state\": \"%s\"}\n", c->name,
            (int)strcspn(id, "\r\n"), id, state);
  }
  if (++over % TOLD_EVERY == 0) fprintf(stderr, "%zu\n", over);
}

static void again(struct client *c, int same) {
  if (!same) { close(c->fd); join(c); }
  ask(c);
}

static void ends(struct client *c, int good) {
  int ok = !strncmp(c->head + 9, "200", 3);
  char *close = strcasestr(c->head, "connection: close");
  if (good && ok) {
    if (answered == room) {
      room = room * 2 + 65536;
      firsts = realloc(firsts, room * sizeof *firsts);
      lasts = realloc(lasts, room * sizeof *lasts);
    }
    firsts[answered] = (c->first - c->asked) * 1e6;
    lasts[answered++] = (now() - c->asked) * 1e6;
  } else if (good) refused++;
  else broken++;
  note(c, good && ok ? "complete" : "");
  again(c, good && !close);
}

static void body(struct client *c, const char *data, size_t size) {
  if (!c->first && size) c->first = now();
  if (c->leaves && size && !strncmp(c->head + 9, "200", 3)) {
    gone++;
    note(c, "");  /* the gateway may have ended before it sees that the client has gone */
    again(c, 0);
    return;
  }
  size_t keep = size < sizeof c->end ? size : sizeof c->end;
  if (c->ended + keep > sizeof c->end) {
    size_t drop = c->ended + keep - sizeof c->end;
    memmove(c->end, c->end + drop, c->ended -= drop);
  }
  memcpy(c->end + c->ended, data + size - keep, keep);
  c->ended += keep;
  if (c->left >= 0) {
    if ((c->left -= size) == 0) ends(c, 1);
  } else if (c->ended >= 5 && !memcmp(c->end + c->ended - 5, "0\r\n\r\n", 5)) {
    int stream = !!strcasestr(c->head, "text/event-stream");
    ends(c, !stream || memmem(c->end, c->ended, "[DONE]", 6));
  }
}

static void take(struct client *c) {
  static char data[1 << 18];
  ssize_t n = recv(c->fd, data, sizeof data, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (!c->busy) { epoll_ctl(epoll, EPOLL_CTL_DEL, c->fd, NULL); return; }
  if (n <= 0) { ends(c, 0); return; }
  if (c->complete) { body(c, data, n); return; }
  size_t fits = sizeof c->head - 1 - c->headed, taken = (size_t)n < fits ? (size_t)n : fits;
  memcpy(c->head + c->headed, data, taken);
  c->head[c->headed + taken] = 0;
  char *end = strstr(c->head, "\r\n\r\n");
  if (!end) { c->headed += taken; if (taken < (size_t)n) ends(c, 0); return; }
  size_t used = end + 4 - c->head - c->headed;  /* of this read, up to the end of the headers */
  end[2] = 0;
  c->complete = 1;
  char *length = strcasestr(c->head, "content-length:");
  c->left = length ? atol(length + 15) : -1;
  if (c->left == 0) ends(c, 1);
  else if (used < (size_t)n) body(c, data + used, n - used);
}

static int by_size(const void *a, const void *b) {
  double x = *(double *)a, y = *(double *)b;
  return (x > y) - (x < y);
}

static double quantile(double *of, double q) {
  return answered ? of[(size_t)(q * (answered - 1))] : 0;
}

int main(int argc, char **argv) {
  int clients = 1, at = 0;
  double seconds = 5;
  char headers[2048] = "", *line = NULL;
  for (int o; (o = getopt(argc, argv, "c:s:n:l:H:")) != -1;) {
    if (o == 'c') clients = atoi(optarg);
    else if (o == 's') seconds = atof(optarg);
    else if (o == 'n') most = strtoul(optarg, NULL, 10);
    else if (o == 'l') { if (!(notes = fopen(optarg, "w"))) return 1; }
    else if (o == 'H') at += snprintf(headers + at, sizeof headers - at, "%s\r\n", optarg);
    else return 2;
  }
  if (argc - optind != 3) return 2;
  port = atoi(argv[optind]);
  FILE *file = fopen(argv[optind + 2], "r");
  size_t size = 0;
  for (ssize_t n; file && (n = getline(&line, &size, file)) > 0;) {
    line[n - 1] = 0;
    bodies = realloc(bodies, (count + 1) * sizeof *bodies);
    bodies[count++] = strdup(line);
  }
  if (!count) return 2;
  signal(SIGTERM, end);
  signal(SIGINT, end);
  srand(getpid());
  next_body = rand() % count;
  snprintf(top, sizeof top, "POST %s HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n%s",
           argv[optind + 1], headers);
  epoll = epoll_create1(0);
  double began = now();
  until = began + seconds;
  struct client *all = calloc(clients, sizeof *all);
  for (int i = 0; i < clients; i++) { join(&all[i]); ask(&all[i]); }
  struct epoll_event got[256];
  while (running && now() < until + LIMIT_S) {
    int n = epoll_wait(epoll, got, 256, 100);
    for (int i = 0; i < n; i++) take(got[i].data.ptr);
  }
  double took = now() - began;
  struct rusage own;
  getrusage(RUSAGE_SELF, &own);
  double cpu = own.ru_utime.tv_sec + own.ru_stime.tv_sec
               + (own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
  if (notes) fclose(notes);
  qsort(firsts, answered, sizeof *firsts, by_size);
  qsort(lasts, answered, sizeof *lasts, by_size);
  printf("{\"begun\": %zu, \"answered\": %zu, \"refused\": %ld, \"left\": %ld, \"broken\": %ld, "
         "\"took_s\": %.3f, \"cpu_s\": %.4f, \"first_p50_us\": %.1f, \"first_p99_us\": %.1f, "
         "\"last_p50_us\": %.1f, \"last_p99_us\": %.1f}\n", begun, answered, refused, gone,
         broken + running, took, cpu, quantile(firsts, .5), quantile(firsts, .99),
         quantile(lasts, .5), quantile(lasts, .99));
  return 0;
}
