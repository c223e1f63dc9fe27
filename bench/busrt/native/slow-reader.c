/*
 * What a BUS/RT server does when one client stops reading while messages for it keep coming:
 *
 *   slow-reader --socket PATH --server-pid PID [--publish] [--rate 200000] [--payload 100]
 *               [--seconds 5]
 *
 * A sender sends `rate` messages a second to the reader, or with --publish to a topic that the reader and
 * a second subscriber have. For `seconds` the reader reads, for `seconds` it does not, then the sender
 * stops and the reader reads what is left. Two others meanwhile exchange a message every millisecond;
 * how long those take tells what everybody else notices. Prints one line of JSON. All five keep
 * pinging, so that nobody is taken for dead who only does not read.
 */

#include "client.h"
#include <getopt.h>
#include <math.h>

enum { sender, reader, second, probe, echo, client_count };

/* Who gets the flow, and what of it has come. */
struct receiver {
  uint32_t next;
  uint64_t received;
};

static struct client clients[client_count];
static struct receiver receivers[client_count];
static struct samples latencies;
static const char *topic = "bench/busrt/slow";
static uint64_t probe_since;
static bool publishes;
static size_t payload_length = 100;
static uint8_t *payload;
static double rate = 200000;
static long server;
static uint32_t sent;
/* While the sender cannot write. */
static uint64_t blocked_since, blocked_time;
static uint64_t reader_closed_at;
static uint64_t most_resident;

static void took_ack(struct client *client, uint32_t op) {
  (void)client;
  (void)op;
}

static void took_delivery(struct client *client, const struct delivery *delivery) {
  if (client->index == echo) {
    add_sample(&latencies, now() - probe_since);
    probe_since = 0;
    return;
  }
  if (client->index != reader && client->index != second) return;
  if (delivery->length != payload_length)
    fail("client %u: a message of %zu bytes from %.*s", client->index, delivery->length,
         (int)delivery->sender_length, delivery->sender);
  struct receiver *receiver = &receivers[client->index];
  uint32_t number = get32(delivery->payload);
  if (number < receiver->next || number >= sent)
    fail("client %u: message %u after %u", client->index, number, receiver->next);
  receiver->next = number + 1;
  receiver->received++;
}

static void put_flow(void) {
  struct client *client = &clients[sender];
  const char *target = publishes ? topic : clients[reader].name;
  put32(payload, sent++);
  put_operation(client, (publishes ? op_publish : op_message) | qos_none, 0, target, strlen(target),
                NULL, 0, payload, payload_length);
}

static void send_probe(void) {
  static uint64_t last;
  if (probe_since != 0 || now() - last < SECOND / 1000) return;
  last = probe_since = now();
  put_operation(&clients[probe], op_message | qos_realtime, 0, clients[echo].name,
                clients[echo].name_length, NULL, 0, payload, payload_length);
  flush(&clients[probe]);
}

static void note_blocked(uint64_t time) {
  if (clients[sender].blocked && blocked_since == 0) blocked_since = time;
  if (!clients[sender].blocked && blocked_since != 0) {
    blocked_time += time - blocked_since;
    blocked_since = 0;
  }
}

/* Waits up to a millisecond and handles what comes. */
static void turn(void) {
  struct epoll_event events[16];
  int count = epoll_wait(poller, events, 16, 1);
  for (int i = 0; i < count; i++) {
    struct client *client = events[i].data.ptr;
    bool is_stopped = client->index == reader && !(events[i].events & EPOLLIN);
    if (events[i].events & EPOLLOUT) flush(client);
    if (is_stopped && events[i].events & (EPOLLRDHUP | EPOLLHUP)) {
      /* It shows over and over; what is left is read later. */
      if (reader_closed_at == 0) reader_closed_at = now();
      epoll_ctl(poller, EPOLL_CTL_DEL, client->fd, NULL);
    } else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
      take(client);
    }
    if (!client->closed) continue;
    if (client->index != reader && client->index != sender)
      fail("client %u: the server closed the connection", client->index);
    if (client->index == reader && reader_closed_at == 0) reader_closed_at = now();
    epoll_ctl(poller, EPOLL_CTL_DEL, client->fd, NULL);
  }
  note_blocked(now());
}

/* Once a second for those that send nothing else. */
static void keep_alive(void) {
  static uint64_t pinged;
  if (now() - pinged < SECOND) return;
  pinged = now();
  ping(&clients[second]);
  ping(&clients[echo]);
  ping(&clients[reader]);
}

struct phase {
  uint64_t sent, blocked_time;
  double p50, p99;
};

/* The flow for so long. Who could not send for a while does not make up for it. */
static struct phase flow(double seconds) {
  uint64_t start = now(), last = start, end = start + (uint64_t)(seconds * 1e9);
  uint32_t before = sent;
  double due = 0;
  latencies.count = 0;
  blocked_time = 0;
  if (blocked_since != 0) blocked_since = start;
  for (uint64_t time = start; time < end; time = now()) {
    due = fmin(due + (double)(time - last) / 1e9 * rate, rate / 100);
    last = time;
    struct client *client = &clients[sender];
    if (!client->closed && !client->blocked) {
      for (; due >= 1; due--) put_flow();
      flush(client);
    }
    send_probe();
    keep_alive();
    turn();
    uint64_t resident = resident_of(server);
    if (resident > most_resident) most_resident = resident;
  }
  if (blocked_since != 0) blocked_time += now() - blocked_since;
  struct phase phase = {.sent = sent - before, .blocked_time = blocked_time};
  phase.p50 = percentile(&latencies, 0.5);
  phase.p99 = percentile(&latencies, 0.99);
  return phase;
}

static bool has_all(unsigned index) {
  return clients[index].closed || receivers[index].next == sent;
}

/* Until everything has come that will: for two seconds nothing does. */
static void drain(void) {
  uint64_t received = 0, since = now();
  while (now() - since < 2 * SECOND) {
    bool is_written = clients[sender].closed || clients[sender].out.end == 0;
    if (is_written && has_all(reader) && (!publishes || has_all(second))) return;
    keep_alive();
    turn();
    uint64_t sum = receivers[reader].received + receivers[second].received;
    if (sum != received) since = now();
    received = sum;
  }
}

static void watch_reader(uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = &clients[reader]};
  if (epoll_ctl(poller, EPOLL_CTL_MOD, clients[reader].fd, &event) < 0 && errno == ENOENT)
    epoll_ctl(poller, EPOLL_CTL_ADD, clients[reader].fd, &event);
}

static void subscribe(struct client *client) {
  put_subscribe(client, topic);
  flush(client);
  while (client->ack_count > 0) turn();
}

int main(int count, char **words) {
  static const struct option options[] = {
      {"socket", required_argument, 0, 's'}, {"server-pid", required_argument, 0, 'P'},
      {"publish", no_argument, 0, 'u'},      {"rate", required_argument, 0, 'r'},
      {"payload", required_argument, 0, 'p'}, {"seconds", required_argument, 0, 't'},
      {0, 0, 0, 0},
  };
  const char *path = NULL;
  double seconds = 5;
  for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
    switch (option) {
    case 's': path = optarg; break;
    case 'P': server = strtol(optarg, NULL, 10); break;
    case 'u': publishes = true; break;
    case 'r': rate = strtod(optarg, NULL); break;
    case 'p': payload_length = strtoul(optarg, NULL, 10); break;
    case 't': seconds = strtod(optarg, NULL); break;
    default: return 2;
    }
  }
  if (!path || !server) fail("slow-reader: socket and server-pid are needed");
  if (payload_length < 4) fail("slow-reader: a payload has at least 4 bytes, to be numbered");
  payload = allocate(payload_length);
  memset(payload, 0xee, payload_length);
  start_clients(path);
  for (unsigned i = 0; i < client_count; i++)
    connect_client(&clients[i], i, 2 * payload_length + (64 << 10));
  if (publishes) {
    subscribe(&clients[reader]);
    subscribe(&clients[second]);
  }

  flow(seconds / 4);
  uint64_t resident_before = resident_of(server);
  struct phase before = flow(seconds);
  uint64_t resident_reading = resident_of(server);
  most_resident = 0;
  uint64_t stopped_at = now();
  watch_reader(EPOLLRDHUP);
  struct phase during = flow(seconds);
  uint64_t most = most_resident;
  bool has_sender = !clients[sender].closed;
  watch_reader(EPOLLIN);
  drain();
  if (clients[reader].closed && reader_closed_at == 0) reader_closed_at = now();

  /* Negative: before it stopped reading. */
  char closed_after[32] = "null";
  if (reader_closed_at != 0)
    snprintf(closed_after, sizeof closed_after, "%.3f",
             (double)(int64_t)(reader_closed_at - stopped_at) / 1e9);
  printf("{\"residentBefore\":%llu,\"residentReading\":%llu,\"residentMost\":%llu,"
         "\"residentAfter\":%llu,",
         (unsigned long long)resident_before, (unsigned long long)resident_reading,
         (unsigned long long)most, (unsigned long long)resident_of(server));
  printf("\"before\":{\"sent\":%llu,\"blockedSeconds\":%.3f,\"p50Us\":%.1f,\"p99Us\":%.1f},",
         (unsigned long long)before.sent, (double)before.blocked_time / 1e9, before.p50, before.p99);
  printf("\"during\":{\"sent\":%llu,\"blockedSeconds\":%.3f,\"p50Us\":%.1f,\"p99Us\":%.1f},",
         (unsigned long long)during.sent, (double)during.blocked_time / 1e9, during.p50, during.p99);
  printf("\"senderClosed\":%s,\"readerClosedAfterSeconds\":%s,\"sent\":%u,"
         "\"readerReceived\":%llu,\"readerMissing\":%llu,",
         has_sender ? "false" : "true", closed_after, sent,
         (unsigned long long)receivers[reader].received,
         (unsigned long long)(sent - receivers[reader].received));
  printf("\"secondReceived\":%llu,\"secondMissing\":%llu}\n",
         (unsigned long long)receivers[second].received,
         (unsigned long long)(publishes ? sent - receivers[second].received : 0));
  return 0;
}
