/*
 * A client of the BUS/RT protocol for the measuring programs of this folder: it connects, collects
 * frames to be written and cuts what comes into frames. One thread, sockets that do not block. It
 * costs little per frame, so that what is measured is the server and not the one who measures.
 *
 * A program that includes this file defines took_ack() and took_delivery().
 */

#ifndef MSGBUS_BENCH_CLIENT_H
#define MSGBUS_BENCH_CLIENT_H

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
  op_publish = 0x01,
  op_subscribe = 0x02,
  op_message = 0x12,
  kind_nop = 0x00,
  kind_publish = 0x01,
  kind_message = 0x12,
  kind_ack = 0xfe,
  qos_none = 0x00,
  qos_realtime = 0x80,
  qos_all = 0xc0, /* realtime, with acknowledgement */
  code_ok = 0x01,
  code_not_registered = 0x71,
  request_header = 9,
  delivery_header = 6,
};

#define SECOND UINT64_C(1000000000)
#define ACKS 16

/* Bytes [start, end) of data are waiting. */
struct bytes {
  uint8_t *data;
  size_t start, end, size;
};

struct client {
  int fd;
  unsigned index;
  char name[64];
  size_t name_length;
  /* A name that nobody has. */
  char nobody[72];
  /* What is to be written, and what has come and is no whole frame yet. */
  struct bytes out, in;
  /* The socket takes no more for now. */
  bool blocked;
  bool closed;
  uint32_t last_op;
  /* Acknowledgements to come, the oldest first: they come in the order of the operations. */
  struct {
    uint32_t op;
    uint8_t code;
  } acks[ACKS];
  unsigned first_ack, ack_count;
};

/* What a delivery holds; everything points into the buffer and is valid during the call. */
struct delivery {
  uint8_t kind;
  const char *sender;
  size_t sender_length;
  const uint8_t *payload;
  size_t length;
};

static void took_ack(struct client *client, uint32_t op);
static void took_delivery(struct client *client, const struct delivery *delivery);

static int poller;
/* Prefix of all names, so that several runs can share a server. */
static char name_prefix[32];
static const char *socket_path;
static uint64_t last_arrival;
/* A server that gives no sign of life for so long has lost something. */
__attribute__((unused)) static uint64_t stall = 10 * SECOND;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vfprintf(stderr, format, values);
  va_end(values);
  fputc('\n', stderr);
  exit(1);
}

static void *allocate(size_t size) {
  void *memory = calloc(1, size);
  if (!memory) fail("out of memory");
  return memory;
}

static void put32(uint8_t *to, uint32_t value) { memcpy(to, &value, 4); }

static uint32_t get32(const uint8_t *from) {
  uint32_t value;
  memcpy(&value, from, 4);
  return value;
}

/* ---- connecting ---- */

static void read_exactly(int fd, uint8_t *to, size_t count) {
  while (count > 0) {
    ssize_t got = read(fd, to, count);
    if (got == 0) fail("handshake: the server closed the connection");
    if (got < 0 && errno != EINTR) fail("handshake: %s", strerror(errno));
    if (got < 0) continue;
    to += got;
    count -= (size_t)got;
  }
}

static void write_exactly(int fd, const uint8_t *from, size_t count) {
  while (count > 0) {
    ssize_t written = write(fd, from, count);
    if (written < 0 && errno != EINTR) fail("handshake: %s", strerror(errno));
    if (written < 0) continue;
    from += written;
    count -= (size_t)written;
  }
}

static void expect_ok(int fd, const char *step) {
  uint8_t answer;
  read_exactly(fd, &answer, 1);
  if (answer != code_ok) fail("handshake: %s answered with %02x", step, answer);
}

static void watch(struct client *client, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = client};
  if (epoll_ctl(poller, EPOLL_CTL_MOD, client->fd, &event) < 0) fail("epoll: %s", strerror(errno));
}

/* Connects client number `index`. No frame longer than `largest` may come for it. */
static void connect_client(struct client *client, unsigned index, size_t largest) {
  client->index = index;
  client->name_length =
      (size_t)snprintf(client->name, sizeof client->name, "%s-%u", name_prefix, index);
  snprintf(client->nobody, sizeof client->nobody, "%s-null", client->name);

  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(socket_path) >= sizeof address.sun_path) fail("%s: too long a path", socket_path);
  strcpy(address.sun_path, socket_path);
  client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (client->fd < 0) fail("client %u: %s", index, strerror(errno));
  struct timeval limit = {.tv_sec = 10};
  setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0)
    fail("%s: %s", socket_path, strerror(errno));

  static const uint8_t greeting[] = {0xeb, 0x01, 0x00};
  uint8_t bytes[3];
  read_exactly(client->fd, bytes, sizeof bytes);
  if (memcmp(bytes, greeting, sizeof greeting) != 0) fail("handshake: not a BUS/RT server");
  write_exactly(client->fd, greeting, sizeof greeting);
  expect_ok(client->fd, "the greeting was");
  uint8_t named[2 + sizeof client->name] = {client->name_length & 0xff, client->name_length >> 8};
  memcpy(named + 2, client->name, client->name_length);
  write_exactly(client->fd, named, 2 + client->name_length);
  expect_ok(client->fd, "the name was");

  fcntl(client->fd, F_SETFL, fcntl(client->fd, F_GETFL) | O_NONBLOCK);
  client->in.size = largest;
  client->in.data = malloc(client->in.size);
  if (!client->in.data) fail("out of memory");
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &event) < 0) fail("epoll: %s", strerror(errno));
}

static void start_clients(const char *path) {
  socket_path = path;
  snprintf(name_prefix, sizeof name_prefix, "bench.%d", (int)getpid());
  poller = epoll_create1(EPOLL_CLOEXEC);
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

/* ---- writing ---- */

/* Room for `count` more bytes at the end of what is to be written. */
static uint8_t *room(struct bytes *bytes, size_t count) {
  if (bytes->end + count > bytes->size) {
    bytes->size = 2 * (bytes->end + count) + (16 << 10);
    bytes->data = realloc(bytes->data, bytes->size);
    if (!bytes->data) fail("out of memory");
  }
  uint8_t *at = bytes->data + bytes->end;
  bytes->end += count;
  return at;
}

/*
 * Appends one operation. Its body is `target`, a zero, `head` and `payload`.
 * `code` is what its acknowledgement has to say; it counts only when the quality asks for one.
 */
static inline void put_operation(struct client *client, uint8_t flags, uint8_t code,
                                 const char *target, size_t target_length, const uint8_t *head,
                                 size_t head_length, const uint8_t *payload, size_t length) {
  size_t body = target_length + 1 + head_length + length;
  uint8_t *at = room(&client->out, request_header + body);
  uint32_t op = ++client->last_op;
  put32(at, op);
  at[4] = flags;
  put32(at + 5, (uint32_t)body);
  at += request_header;
  memcpy(at, target, target_length);
  at[target_length] = 0;
  at += target_length + 1;
  if (head_length > 0) memcpy(at, head, head_length);
  if (length > 0) memcpy(at + head_length, payload, length);
  if (flags & 0x40) {
    if (client->ack_count == ACKS) fail("client %u: too many operations at once", client->index);
    unsigned slot = (client->first_ack + client->ack_count++) % ACKS;
    client->acks[slot].op = op;
    client->acks[slot].code = code;
  }
}

static inline void put_subscribe(struct client *client, const char *topic) {
  size_t length = strlen(topic);
  uint8_t *at = room(&client->out, request_header + length);
  uint32_t op = ++client->last_op;
  put32(at, op);
  at[4] = op_subscribe | qos_all;
  put32(at + 5, (uint32_t)length);
  memcpy(at + request_header, topic, length);
  unsigned slot = (client->first_ack + client->ack_count++) % ACKS;
  client->acks[slot].op = op;
  client->acks[slot].code = code_ok;
}


static void flush(struct client *client) {
  struct bytes *out = &client->out;
  while (out->start < out->end) {
    ssize_t written = write(client->fd, out->data + out->start, out->end - out->start);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      if (!client->blocked) watch(client, EPOLLIN | EPOLLOUT);
      client->blocked = true;
      return;
    }
    if (written < 0) {
      client->closed = true;
      return;
    }
    out->start += (size_t)written;
  }
  out->start = out->end = 0;
  if (client->blocked) watch(client, EPOLLIN);
  client->blocked = false;
}

/* Keeps a connection alive on which nothing else is sent. */
static inline void ping(struct client *client) {
  if (client->blocked || client->closed) return;
  memset(room(&client->out, request_header), 0, request_header);
  flush(client);
}

/* ---- reading ---- */

static inline void take_ack(struct client *client, uint32_t op, uint8_t code) {
  if (client->ack_count == 0) fail("client %u: an acknowledgement nobody asked for", client->index);
  unsigned slot = client->first_ack;
  if (client->acks[slot].op != op)
    fail("client %u: acknowledgement of %u, expected %u", client->index, op, client->acks[slot].op);
  if (client->acks[slot].code != code)
    fail("client %u: acknowledged with %02x, expected %02x", client->index, code,
         client->acks[slot].code);
  client->first_ack = (slot + 1) % ACKS;
  client->ack_count--;
  took_ack(client, op);
}

static inline void take_body(struct client *client, uint8_t kind, const uint8_t *body,
                             size_t length) {
  const uint8_t *end = memchr(body, 0, length);
  if (!end) fail("client %u: a delivery without a sender", client->index);
  struct delivery delivery = {.kind = kind,
                              .sender = (const char *)body,
                              .sender_length = (size_t)(end - body),
                              .payload = end + 1,
                              .length = length - (size_t)(end + 1 - body)};
  if (kind == kind_publish) {
    end = memchr(delivery.payload, 0, delivery.length);
    if (!end) fail("client %u: a publication without a topic", client->index);
    delivery.length -= (size_t)(end + 1 - delivery.payload);
    delivery.payload = end + 1;
  }
  took_delivery(client, &delivery);
}

/* Reads once and handles every frame that is whole. */
static void take(struct client *client) {
  struct bytes *in = &client->in;
  ssize_t got = read(client->fd, in->data + in->end, in->size - in->end);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    client->closed = true;
    return;
  }
  last_arrival = now();
  in->end += (size_t)got;
  size_t at = 0;
  while (in->end - at >= delivery_header) {
    const uint8_t *frame = in->data + at;
    uint32_t field = get32(frame + 1);
    if (frame[0] == kind_ack) {
      at += delivery_header;
      take_ack(client, field, frame[5]);
    } else if (frame[0] == kind_nop) {
      at += delivery_header;
    } else {
      if (delivery_header + (size_t)field > in->size)
        fail("client %u: a frame of %u bytes", client->index, field);
      if (in->end - at < delivery_header + (size_t)field) break;
      at += delivery_header + field;
      take_body(client, frame[0], frame + delivery_header, field);
    }
  }
  memmove(in->data, in->data + at, in->end - at);
  in->end -= at;
}

/* ---- what the server uses ---- */

/* Time on the processor of all threads, nanoseconds; 0 where the kernel does not tell. */
static inline uint64_t cpu_of(long pid) {
  char path[288];
  snprintf(path, sizeof path, "/proc/%ld/task", pid);
  DIR *folder = opendir(path);
  if (!folder) return 0;
  uint64_t sum = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    /* What stands above the folder is the first thread once more. */
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%ld/task/%s/schedstat", pid, entry->d_name);
    FILE *file = fopen(path, "r");
    unsigned long long used = 0;
    if (file && fscanf(file, "%llu", &used) == 1) sum += used;
    if (file) fclose(file);
  }
  closedir(folder);
  return sum;
}

/* Resident memory, bytes. */
static inline uint64_t resident_of(long pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/statm", pid);
  FILE *file = fopen(path, "r");
  unsigned long long size = 0, resident = 0;
  if (file && fscanf(file, "%llu %llu", &size, &resident) != 2) resident = 0;
  if (file) fclose(file);
  return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static inline uint64_t own_cpu(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* ---- latencies ---- */

struct samples {
  uint32_t *values;
  size_t count, size;
};

static void add_sample(struct samples *samples, uint64_t nanoseconds) {
  if (samples->count == samples->size) {
    samples->size = 2 * samples->size + 4096;
    samples->values = realloc(samples->values, samples->size * sizeof *samples->values);
    if (!samples->values) fail("out of memory");
  }
  samples->values[samples->count++] = nanoseconds > UINT32_MAX ? UINT32_MAX : (uint32_t)nanoseconds;
}

static int by_value(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return left < right ? -1 : left > right;
}

/* Microseconds at that share of the sorted samples; 0 without any. */
static double percentile(struct samples *samples, double share) {
  if (samples->count == 0) return 0;
  qsort(samples->values, samples->count, sizeof *samples->values, by_value);
  return samples->values[(size_t)((double)(samples->count - 1) * share)] / 1e3;
}

#endif
