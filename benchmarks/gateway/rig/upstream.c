/* A model's endpoint that costs next to nothing: it answers chat completions at once, or as a
   stream whose events lie a fixed time apart.  upstream PORT EVENTS GAP_MS
   One thread, epoll; a request is whole when its content-length has come. */
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

enum { MOST = 1 << 20, CONNECTIONS = 8192 };

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
static const size_t QUEUED = 1 << 16;
static int events;
static double gap;
static char whole[2048], event[512], last[512];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void later(int fd) {
  queue[tail++ % QUEUED] = (struct due){now() + gap, fd, all[fd].born};
}

static void drop(int fd) {
  close(fd);
  free(all[fd].in);
  all[fd].in = NULL;
  all[fd].born++;
}

static int say(int fd, const char *text, size_t size) {
  return send(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

static void tell(int fd) {  /* one event, or the last ones */
  struct connection *c = &all[fd];
  int ok = c->sent < events ? say(fd, event, strlen(event)) : say(fd, last, strlen(last));
  if (!ok) drop(fd);
  else if (c->sent++ < events) later(fd);
  else c->sent = -1;
}

static void answer(int fd, const char *body, size_t size) {
  if (memmem(body, size, "\"stream\":true", 13) || memmem(body, size, "\"stream\": true", 14)) {
    const char *top = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                      "transfer-encoding: chunked\r\n\r\n";
    say(fd, top, strlen(top));
    all[fd].sent = 0;
    if (gap > 0) later(fd);
    else while (all[fd].in && all[fd].sent >= 0 && all[fd].sent <= events) {
      int n = all[fd].sent++;
      if (!say(fd, n < events ? event : last, strlen(n < events ? event : last))) drop(fd);
    }
  } else if (!say(fd, whole, strlen(whole))) drop(fd);
}

static void take(int fd) {
  struct connection *c = &all[fd];
  for (;;) {
    if (c->room - c->have < 65536) c->in = realloc(c->in, c->room = c->room * 2 + 131072);
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
    answer(fd, end + 4, body);
    if (!c->in) return;
    memmove(c->in, c->in + size, c->have -= size);
  }
}

static void chunk(char *into, const char *text, const char *after) {
  sprintf(into, "%zx\r\n%s\r\n%s", strlen(text), text, after);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  events = atoi(argv[2]);
  gap = atof(argv[3]) / 1000;
  queue = malloc(QUEUED * sizeof *queue);
  char body[1024], words[401];
  for (int at = 0; at < 400; at++) words[at] = at % 6 == 5 ? ' ' : 'a' + at % 26;
  words[400] = 0;
  sprintf(body, "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\","
          "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},"
          "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":90,"
          "\"total_tokens\":340}}", words);
  sprintf(whole, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
          strlen(body), body);
  chunk(event, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,"
        "\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"some words \"},"
        "\"finish_reason\":null}]}\n\n", "");
  chunk(last, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,"
        "\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":90,"
        "\"total_tokens\":340}}\n\ndata: [DONE]\n\n", "0\r\n\r\n");

  int one = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(server, (struct sockaddr *)&at, sizeof at) || listen(server, 4096)) return 1;
  struct epoll_event e = {.events = EPOLLIN, .data.fd = server}, got[256];
  epoll_ctl(poll, EPOLL_CTL_ADD, server, &e);
  for (;;) {
    int wait = head == tail ? -1 : (int)((queue[head % QUEUED].at - now()) * 1000);
    int n = epoll_wait(poll, got, 256, head == tail ? -1 : wait > 0 ? wait : 0);
    for (int i = 0; i < n; i++) {
      int fd = got[i].data.fd;
      if (fd != server) { if (all[fd].in) take(fd); continue; }
      while ((fd = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= CONNECTIONS) { close(fd); continue; }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        all[fd] = (struct connection){malloc(131072), 0, 131072, -1, all[fd].born + 1};
        e = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e);
      }
    }
    for (double t = now(); head != tail && queue[head % QUEUED].at <= t;) {
      struct due d = queue[head++ % QUEUED];
      if (all[d.fd].in && all[d.fd].born == d.born) tell(d.fd);
    }
  }
}
