/*
 * A plain relay of the BUS/RT protocol: what moving these frames costs the kernel, and next to
 * nothing else. Servers are compared with it, because a ratio to it means the same on every machine.
 *
 *   relay SOCKET        serves until it is killed
 *
 * One thread, epoll; it copies frames into one buffer per receiver and writes each once per chunk that
 * was read. It knows messages, publications on topics without wildcards, subscriptions and the
 * one method of `.broker` that benchmarks call. It believes what clients say and limits nothing: never
 * to be used for anything but this.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct bytes {
  uint8_t *data;
  size_t start, end, size;
};

struct subscription {
  struct subscription *next;
  size_t length;
  uint8_t topic[];
};

struct peer {
  int fd;
  enum { greeting, naming, live, gone } state;
  uint8_t *name;
  size_t name_length;
  struct bytes in, out;
  bool is_dirty, is_blocked;
  /* Whom it sent to last; right as long as nobody came or left since. */
  struct peer *last_target;
  uint64_t target_version;
  struct subscription *subscriptions;
  /* Chains: of the names of one slot, and of all peers that subscribed to something. */
  struct peer *next_in_slot, *next_subscriber;
  /* Chain of those to be freed after this turn. */
  struct peer *next_gone;
};

#define SLOTS 16384

static int poller;
static struct peer *slots[SLOTS], *subscribers, *gone_peers;
/* Peers with something to write, this chunk. */
static struct peer **dirty;
static size_t dirty_count, dirty_size;
/* Counts comings and leavings. */
static uint64_t names_version = 1;

static void *allocate(void *old, size_t size) {
  void *memory = realloc(old, size);
  if (!memory) abort();
  return memory;
}

static uint32_t get32(const uint8_t *from) {
  uint32_t value;
  memcpy(&value, from, 4);
  return value;
}

static struct peer **slot_of(const uint8_t *name, size_t length) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < length; i++) hash = (hash ^ name[i]) * 16777619u;
  return &slots[hash % SLOTS];
}

static bool has_name(const struct peer *peer, const uint8_t *name, size_t length) {
  return peer->name_length == length && memcmp(peer->name, name, length) == 0;
}

static struct peer *find(const uint8_t *name, size_t length) {
  struct peer *peer = *slot_of(name, length);
  while (peer && !has_name(peer, name, length)) peer = peer->next_in_slot;
  return peer;
}

/* ---- writing ---- */

static uint8_t *room(struct peer *peer, size_t count) {
  struct bytes *out = &peer->out;
  if (out->end + count > out->size) {
    out->size = 2 * (out->end + count) + 4096;
    out->data = allocate(out->data, out->size);
  }
  if (!peer->is_dirty) {
    peer->is_dirty = true;
    if (dirty_count == dirty_size) {
      dirty_size = 2 * dirty_size + 64;
      dirty = allocate(dirty, dirty_size * sizeof *dirty);
    }
    dirty[dirty_count++] = peer;
  }
  uint8_t *at = out->data + out->end;
  out->end += count;
  return at;
}

static void watch(struct peer *peer, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = peer};
  epoll_ctl(poller, EPOLL_CTL_MOD, peer->fd, &event);
}

static void write_out(struct peer *peer) {
  struct bytes *out = &peer->out;
  while (out->start < out->end) {
    ssize_t written = write(peer->fd, out->data + out->start, out->end - out->start);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      if (!peer->is_blocked) watch(peer, EPOLLIN | EPOLLOUT);
      peer->is_blocked = true;
      return;
    }
    /* Its end shows when it is read. */
    if (written < 0) break;
    out->start += (size_t)written;
  }
  out->start = out->end = 0;
  if (peer->is_blocked) watch(peer, EPOLLIN);
  peer->is_blocked = false;
}

static void write_dirty(void) {
  for (size_t i = 0; i < dirty_count; i++) {
    dirty[i]->is_dirty = false;
    if (dirty[i]->state != gone && !dirty[i]->is_blocked) write_out(dirty[i]);
  }
  dirty_count = 0;
}

static void put_ack(struct peer *peer, const uint8_t *op, uint8_t code) {
  uint8_t *at = room(peer, 6);
  at[0] = 0xfe;
  memcpy(at + 1, op, 4);
  at[5] = code;
}

/* A frame of this kind: sender, zero, head, body. */
static void put_delivery(struct peer *to, uint8_t kind, bool is_realtime, const void *sender,
                         size_t sender_length, const void *head, size_t head_length,
                         const uint8_t *body, size_t length) {
  uint32_t size = (uint32_t)(sender_length + 1 + head_length + length);
  uint8_t *at = room(to, 6 + size);
  at[0] = kind;
  memcpy(at + 1, &size, 4);
  at[5] = is_realtime;
  memcpy(at + 6, sender, sender_length);
  at += 6 + sender_length;
  *at++ = 0;
  if (head_length > 0) memcpy(at, head, head_length);
  memcpy(at + head_length, body, length);
}

/* ---- coming and going ---- */

static void join(struct peer *peer, const uint8_t *name, size_t length) {
  struct peer **slot = slot_of(name, length);
  peer->name = allocate(NULL, length + 1);
  memcpy(peer->name, name, length);
  peer->name_length = length;
  /* The newest of a name is found first. */
  peer->next_in_slot = *slot;
  *slot = peer;
  names_version++;
  peer->state = live;
}

static void leave(struct peer *peer) {
  if (peer->state == live) {
    struct peer **link = slot_of(peer->name, peer->name_length);
    while (*link != peer) link = &(*link)->next_in_slot;
    *link = peer->next_in_slot;
    names_version++;
  }
  if (peer->subscriptions) {
    struct peer **link = &subscribers;
    while (*link != peer) link = &(*link)->next_subscriber;
    *link = peer->next_subscriber;
  }
  close(peer->fd);
  peer->state = gone;
  peer->next_gone = gone_peers;
  gone_peers = peer;
}

/* After a turn nothing points to them any more. */
static void free_gone(void) {
  while (gone_peers) {
    struct peer *peer = gone_peers;
    gone_peers = peer->next_gone;
    while (peer->subscriptions) {
      struct subscription *next = peer->subscriptions->next;
      free(peer->subscriptions);
      peer->subscriptions = next;
    }
    free(peer->name);
    free(peer->in.data);
    free(peer->out.data);
    free(peer);
  }
}

/* ---- operations ---- */

static bool is_subscribed(const struct peer *peer, const uint8_t *topic, size_t length) {
  for (const struct subscription *one = peer->subscriptions; one; one = one->next)
    if (one->length == length && memcmp(one->topic, topic, length) == 0) return true;
  return false;
}

static void subscribe(struct peer *peer, const uint8_t *topics, size_t length) {
  for (const uint8_t *end = topics + length; topics <= end;) {
    const uint8_t *zero = memchr(topics, 0, (size_t)(end - topics));
    size_t one = (size_t)((zero ? zero : end) - topics);
    if (!is_subscribed(peer, topics, one)) {
      if (!peer->subscriptions) {
        peer->next_subscriber = subscribers;
        subscribers = peer;
      }
      struct subscription *added = allocate(NULL, sizeof *added + one);
      added->length = one;
      memcpy(added->topic, topics, one);
      added->next = peer->subscriptions;
      peer->subscriptions = added;
    }
    topics += one + 1;
  }
}

/* The answer of `benchmark.test` is what it was called with; calls with id 0 want none. */
static void answer_call(struct peer *peer, bool is_realtime, const uint8_t *call, size_t length) {
  if (length < 6 || call[0] != 0x01 || get32(call + 1) == 0) return;
  const uint8_t *zero = memchr(call + 5, 0, length - 5);
  if (!zero) return;
  uint8_t head[5] = {0x11};
  memcpy(head + 1, call + 1, 4);
  put_delivery(peer, 0x12, is_realtime, ".broker", 7, head, sizeof head, zero + 1,
               length - (size_t)(zero + 1 - call));
}

static struct peer *target_of(struct peer *peer, const uint8_t *name, size_t length) {
  struct peer *last = peer->last_target;
  if (peer->target_version == names_version && has_name(last, name, length)) return last;
  struct peer *target = find(name, length);
  if (target) {
    peer->last_target = target;
    peer->target_version = names_version;
  }
  return target;
}

/* False: it broke the protocol. */
static bool operate(struct peer *peer, const uint8_t *frame, size_t length) {
  const uint8_t *body = frame + 9;
  uint8_t operation = frame[4] & 0x3f;
  bool is_realtime = frame[4] & 0x80, wants_ack = frame[4] & 0x40;
  if (operation >= 0x02 && operation <= 0x05) {
    if (operation == 0x02) subscribe(peer, body, length);
    if (wants_ack) put_ack(peer, frame, 0x01);
    return true;
  }
  const uint8_t *zero = memchr(body, 0, length);
  if (!zero || (operation != 0x01 && operation != 0x12)) return false;
  size_t target_length = (size_t)(zero - body);
  const uint8_t *payload = zero + 1;
  size_t payload_length = length - target_length - 1;
  uint8_t code = 0x01;
  if (operation == 0x01) {
    for (struct peer *to = subscribers; to; to = to->next_subscriber)
      if (is_subscribed(to, body, target_length))
        put_delivery(to, 0x01, is_realtime, peer->name, peer->name_length, NULL, 0, body, length);
  } else if (target_length == 7 && memcmp(body, ".broker", 7) == 0) {
    if (wants_ack) put_ack(peer, frame, 0x01);
    answer_call(peer, is_realtime, payload, payload_length);
    return true;
  } else {
    struct peer *target = target_of(peer, body, target_length);
    if (target)
      put_delivery(target, 0x12, is_realtime, peer->name, peer->name_length, NULL, 0, payload,
                   payload_length);
    else code = 0x71;
  }
  if (wants_ack) put_ack(peer, frame, code);
  return true;
}

/* ---- reading ---- */

/* Bytes that the next step of this peer takes, as far as `count` bytes of it tell. */
static size_t wanted(const struct peer *peer, const uint8_t *bytes, size_t count) {
  switch (peer->state) {
  case greeting: return 3;
  case naming: return count < 2 ? 2 : 2u + bytes[0] + 256u * bytes[1];
  case live: return count < 9 || bytes[4] == 0 ? 9 : 9 + (size_t)get32(bytes + 5);
  default: return SIZE_MAX;
  }
}

static bool step(struct peer *peer, const uint8_t *bytes, size_t count) {
  switch (peer->state) {
  case greeting:
    *room(peer, 1) = 0x01;
    peer->state = naming;
    return bytes[0] == 0xeb;
  case naming:
    *room(peer, 1) = 0x01;
    join(peer, bytes + 2, count - 2);
    return true;
  case live: return bytes[4] == 0 || operate(peer, bytes, count - 9);
  default: return false;
  }
}

static void read_in(struct peer *peer) {
  struct bytes *in = &peer->in;
  ssize_t got = read(peer->fd, in->data + in->end, in->size - in->end);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  bool is_fine = got > 0;
  if (is_fine) in->end += (size_t)got;
  size_t at = 0, count = 0;
  while (is_fine) {
    count = wanted(peer, in->data + at, in->end - at);
    if (count > in->end - at) break;
    is_fine = step(peer, in->data + at, count);
    at += count;
  }
  memmove(in->data, in->data + at, in->end - at);
  in->end -= at;
  if (is_fine && count > in->size) {
    in->size = count;
    in->data = allocate(in->data, in->size);
  }
  write_dirty();
  if (!is_fine) leave(peer);
}

static void welcome(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  struct peer *peer = allocate(NULL, sizeof *peer);
  memset(peer, 0, sizeof *peer);
  peer->fd = fd;
  peer->in.size = 64 << 10;
  peer->in.data = allocate(NULL, peer->in.size);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  memcpy(room(peer, 3), "\xeb\x01\x00", 3);
  write_dirty();
}

int main(int count, char **words) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (count != 2 || strlen(words[1]) >= sizeof address.sun_path) {
    fputs("relay: give the path of a socket\n", stderr);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  strcpy(address.sun_path, words[1]);
  unlink(words[1]);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 512) < 0) {
    perror(words[1]);
    return 1;
  }
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  for (struct epoll_event events[256];;) {
    int ready = epoll_wait(poller, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      struct peer *peer = events[i].data.ptr;
      if (!peer) {
        welcome(listener);
      } else if (peer->state != gone) {
        if (events[i].events & EPOLLOUT) write_out(peer);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_in(peer);
      }
    }
    free_gone();
  }
}
