/* A model's endpoint that costs next to nothing: it answers chat completions at once, or as a
   stream whose first event comes at once and whose others lie a fixed time apart.
     upstream PORT [LOG]
   "PUT /set/EVENTS/GAP_US" sets how many events a stream has and what lies between two, in
   microseconds, and says what was counted so far; it belongs between loads. A body with [fail] is
   answered by 500, one with [refuse] by 400. LOG gets a line for each call that produced tokens,
   with the name that stands in its body (r and nine digits).
   One thread, epoll; a request is whole when its content-length has come. */
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

enum { MOST = 1 << 20, CONNECTIONS = 16384, QUEUED = 1 << 16 };

struct connection {
  char *in;
  size_t have, room;
  int sent;          /* events of the present stream; -1 where none runs */
  unsigned born;     /* counts up with every use of the descriptor */
};
struct due { double at; int fd; unsigned born; };

static struct connection all[CONNECTIONS];
static struct due *queue;  /* in order of time, since the gap is the same for all */
static size_t head, tail;
static int events = 32;
static double gap = .02;
static char whole[2048], top[1024], event[512], last[512];
static const char *failed, *refused;
static long counts[5];
enum { WHOLE, STREAMS, FAILED, CUT, OPEN };
static FILE *notes;
static volatile sig_atomic_t stop;

static void end(int number) { stop = number; }

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void later(int fd) {
  queue[tail++ % QUEUED] = (struct due){now() + gap, fd, all[fd].born};
}

static void drop(int fd) {
  if (all[fd].sent >= 0) { counts[CUT]++; counts[OPEN]--; }
  close(fd);
  free(all[fd].in);
  all[fd].in = NULL;
  all[fd].born++;
}

static int say(int fd, const char *text) {
  ssize_t size = strlen(text);
  return send(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT) == size;
}

static void tell(int fd) {  /* one event, or the last ones */
  struct connection *c = &all[fd];
  int more = c->sent < events;
  if (!say(fd, more ? event : last)) drop(fd);
  else if (more) { c->sent++; later(fd); }
  else { c->sent = -1; counts[OPEN]--; }
}

static void note(const char *body, size_t size) {
  if (!notes) return;
  for (const char *at = body; (at = memchr(at, 'r', body + size - at)); at++)
    if (body + size - at > 10 && strspn(at + 1, "0123456789") == 9) {
      fprintf(notes, "{\"request\": \"%.10s\"}\n", at);
      return;
    }
}

static void answer(int fd, const char *body, size_t size) {
  int fails = !!memmem(body, size, "[fail]", 6);
  if (fails || memmem(body, size, "[refuse]", 8)) {
    counts[FAILED]++;
    if (!say(fd, fails ? failed : refused)) drop(fd);
    return;
  }
  if (memmem(body, size, "\"stream\":true", 13) || memmem(body, size, "\"stream\": true", 14)) {
    counts[STREAMS]++;
    counts[OPEN]++;
    all[fd].sent = 1;
    if (!say(fd, top)) { drop(fd); return; }  /* with the first event */
    later(fd);
  } else {
    counts[WHOLE]++;
    if (!say(fd, whole)) { drop(fd); return; }
  }
  note(body, size);
}

static void set(int fd, const char *path) {
  long us = 0;
  char body[256], out[512];
  struct rusage own;
  sscanf(path, "/set/%d/%ld", &events, &us);
  gap = us / 1e6;
  if (notes) fflush(notes);
  getrusage(RUSAGE_SELF, &own);
  double cpu = own.ru_utime.tv_sec + own.ru_stime.tv_sec
               + (own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
  sprintf(body, "{\"whole\": %ld, \"streams\": %ld, \"failed\": %ld, \"cut\": %ld, \"open\": %ld, "
          "\"cpu_s\": %.6f}", counts[WHOLE], counts[STREAMS], counts[FAILED], counts[CUT],
          counts[OPEN], cpu);
  sprintf(out, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
          strlen(body), body);
  say(fd, out);
}

static void take(int fd) {
  struct connection *c = &all[fd];
  for (;;) {
    if (c->room - c->have < 4096) c->in = realloc(c->in, c->room = c->room * 2);
    ssize_t n = recv(fd, c->in + c->have, c->room - c->have - 1, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || c->have > MOST) { drop(fd); return; }
    c->have += n;
    c->in[c->have] = 0;
    char *end = strstr(c->in, "\r\n\r\n"), *length = strcasestr(c->in, "content-length:");
    if (!end) continue;
    size_t body = length && length < end ? strtoul(length + 15, NULL, 10) : 0;
    size_t size = end + 4 - c->in + body;
    if (c->have < size) continue;
    if (!strncmp(c->in, "PUT ", 4)) set(fd, c->in + 4);
    else answer(fd, end + 4, body);
    if (!c->in) return;
    memmove(c->in, c->in + size, c->have -= size);
  }
}

static void chunk(char *into, const char *text, const char *after) {
  sprintf(into, "%zx\r\n%s\r\n%s", strlen(text), text, after);
}

static char *response(const char *status, const char *body) {
  char *made;
  if (asprintf(&made, "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
               status, strlen(body), body) < 0) exit(1);
  return made;
}

static void words(void) {
  char body[1024], text[401];
  for (int at = 0; at < 400; at++) text[at] = at % 6 == 5 ? ' ' : 'a' + at % 26;
  text[400] = 0;
  sprintf(body, "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\","
          "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},"
          "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":90,"
          "\"total_tokens\":340}}", text);
  strcpy(whole, response("200 OK", body));
  failed = response("500 Internal Server Error",
                    "{\"error\":{\"message\":\"it broke\",\"type\":\"server_error\"}}");
  refused = response("400 Bad Request", "{\"error\":{\"message\":\"not like this\","
                     "\"type\":\"invalid_request_error\"}}");
  chunk(event, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,"
        "\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"some words \"},"
        "\"finish_reason\":null}]}\n\n", "");
  chunk(last, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,"
        "\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
        "\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":90,\"total_tokens\":340}}\n\n"
        "data: [DONE]\n\n", "0\r\n\r\n");
  sprintf(top, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
          "transfer-encoding: chunked\r\n\r\n%s", event);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  if (argc > 2 && !(notes = fopen(argv[2], "a"))) return 1;
  queue = malloc(QUEUED * sizeof *queue);
  words();
  struct sigaction act = {.sa_handler = end};
  sigaction(SIGTERM, &act, NULL);
  sigaction(SIGINT, &act, NULL);
  int one = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(server, (struct sockaddr *)&at, sizeof at) || listen(server, 4096)) return 1;
  struct epoll_event e = {.events = EPOLLIN, .data.fd = server}, got[256];
  epoll_ctl(poll, EPOLL_CTL_ADD, server, &e);
  while (!stop) {
    /* Rounded up to whole milliseconds: events that are due together cost one turn. */
    double wait = head == tail ? -1 : (queue[head % QUEUED].at - now()) * 1000;
    int n = epoll_wait(poll, got, 256, head == tail ? -1 : wait > 0 ? (int)wait + 1 : 0);
    for (int i = 0; i < n; i++) {
      int fd = got[i].data.fd;
      if (fd != server) { if (all[fd].in) take(fd); continue; }
      while ((fd = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= CONNECTIONS) { close(fd); continue; }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        all[fd] = (struct connection){malloc(8192), 0, 8192, -1, all[fd].born + 1};
        e = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e);
      }
    }
    for (double t = now(); head != tail && queue[head % QUEUED].at <= t;) {
      struct due d = queue[head++ % QUEUED];
      if (all[d.fd].in && all[d.fd].born == d.born) tell(d.fd);
    }
  }
  if (notes) fclose(notes);
  return 0;
}
