/*
 * Loads a BUS/RT server with one stage and prints what that cost as one line of JSON:
 *
 *   load --socket PATH --stage NAME --operations N [--clients 8] [--payload 100] [--window 500]
 *        [--stall 10] [--server-pid PID]
 *
 * Unlike a benchmark written with a client library this one costs less per message than a server,
 * so the server is what is measured. Every delivery is checked: how many, in which order, from whom,
 * how long; every acknowledgement: in which order, with which code. Whatever is wrong, or `stall`
 * seconds in which nothing comes, ends the program with status 1 and a sentence on standard error.
 *
 * One-way stages send up to `window` messages beyond those that have arrived and end with an
 * acknowledged message, behind which nothing can be left in the server. The others have one operation
 * at a time per client. A quarter of the operations comes first, unmeasured, to warm up the server.
 */

#include "client.h"
#include <getopt.h>

enum way { flood, ping_pong, fan_out, fan_in, mixed };
enum target { to_self, to_next, to_first, to_nobody, to_broker, to_topic };
enum call { no_call, answered_by_broker, answered_by_self, unanswered };

struct stage {
  const char *name;
  enum way way;
  enum target target;
  /* Whether what is sent comes to one of our clients. */
  bool delivers;
  enum call call;
};

static const struct stage stages[] = {
    {"send.qos.no", flood, to_nobody, false, no_call},
    {"send+recv.qos.no", flood, to_self, true, no_call},
    {"peer.qos.no", flood, to_next, true, no_call},
    {"fanin", fan_in, to_first, true, no_call},
    {"pub.fanout", fan_out, to_topic, true, no_call},
    {"send.qos.processed", ping_pong, to_nobody, false, no_call},
    {"send+recv.qos.processed", ping_pong, to_self, true, no_call},
    {"rpc.call", ping_pong, to_broker, true, answered_by_broker},
    {"rpc.call0", ping_pong, to_nobody, false, unanswered},
    {"rpc.call+handle", ping_pong, to_self, true, answered_by_self},
    {"mixed.latency", mixed, to_self, true, no_call},
};

/* What one client does in a run. */
struct worker {
  struct client client;
  bool floods;
  uint64_t quota, sent, finished;
  /* One-way: everything is sent, the acknowledged message at the end included. */
  bool ended;
  /* Sequence number of the next delivery: of those this one sends, or, to a topic, of those it gets. */
  uint32_t next;
  uint64_t deliveries;
  /* The operation under way: what is still to come of it, and since when. */
  bool wants_ack, wants_delivery;
  uint64_t since;
  uint32_t op, call_id;
};

static const char *topic = "bench/busrt/load";
static const struct stage *stage;
static struct worker *workers;
static unsigned worker_count = 8;
static size_t payload_length = 100;
static uint64_t window = 500;
static uint8_t *payload;
/* As much as the libraries of clients collect for one write. */
static const size_t write_size = 8192;
static struct samples latencies;

static struct worker *worker_of(struct client *client) { return (struct worker *)client; }

/* ---- one operation at a time ---- */

static void start_operation(struct worker *worker) {
  struct client *client = &worker->client;
  if (worker->sent == worker->quota) return;
  put32(payload, (uint32_t)worker->sent++);
  const char *target = client->name;
  if (stage->target == to_nobody) target = client->nobody;
  if (stage->target == to_broker) target = ".broker";
  uint8_t head[32] = {1};
  size_t head_length = 0;
  if (stage->call != no_call) {
    static const char *const methods[] = {
        [answered_by_broker] = "benchmark.test",
        [answered_by_self] = "benchmark.selftest",
        [unanswered] = "test",
    };
    const char *method = methods[stage->call];
    worker->call_id = stage->call == unanswered ? 0 : (uint32_t)worker->sent;
    put32(head + 1, worker->call_id);
    strcpy((char *)head + 5, method);
    head_length = 5 + strlen(method) + 1;
  }
  worker->wants_ack = true;
  worker->wants_delivery = stage->delivers;
  worker->since = now();
  put_operation(client, op_message | qos_all,
                stage->target == to_nobody ? code_not_registered : code_ok, target, strlen(target),
                head, head_length, payload, payload_length);
  worker->op = client->last_op;
  flush(client);
}

static void go_on(struct worker *worker) {
  if (worker->wants_ack || worker->wants_delivery) return;
  add_sample(&latencies, now() - worker->since);
  worker->finished++;
  start_operation(worker);
}

/* ---- one way ---- */

/* How many messages of this worker have reached everybody they go to. */
static uint64_t arrived(const struct worker *worker) {
  if (!stage->delivers) return worker->sent;
  if (stage->way != fan_out) return worker->next;
  uint64_t least = UINT64_MAX;
  for (unsigned i = 1; i < worker_count; i++)
    if (workers[i].next < least) least = workers[i].next;
  return least;
}

static void send_some(struct worker *worker) {
  struct client *client = &worker->client;
  const char *target = client->name;
  if (stage->target == to_nobody) target = client->nobody;
  if (stage->target == to_first) target = workers[0].client.name;
  if (stage->target == to_next)
    target = workers[(client->index + 1) % worker_count].client.name;
  if (stage->target == to_topic) target = topic;
  size_t target_length = strlen(target);
  uint8_t flags = (stage->target == to_topic ? op_publish : op_message) | qos_none;
  uint64_t most = worker->quota;
  if (stage->delivers && arrived(worker) + window < most) most = arrived(worker) + window;
  size_t frame = request_header + target_length + 1 + payload_length;
  do {
    if (worker->sent >= most) break;
    put32(payload, (uint32_t)worker->sent++);
    put_operation(client, flags, 0, target, target_length, NULL, 0, payload, payload_length);
  } while (client->out.end + frame <= write_size);
  if (worker->sent == worker->quota && !worker->ended) {
    worker->ended = true;
    put_operation(client, op_message | qos_all, code_not_registered, client->nobody,
                  strlen(client->nobody), NULL, 0, payload, payload_length);
  }
  if (client->out.end > 0) flush(client);
}

/* ---- what comes ---- */

static void took_ack(struct client *client, uint32_t op) {
  struct worker *worker = worker_of(client);
  /* The answer to a call is acknowledged, too; nobody waits for that. */
  if (worker->floods || !worker->wants_ack || op != worker->op) return;
  worker->wants_ack = false;
  go_on(worker);
}

/* The worker with that name. Names end with the number of their worker. */
static struct worker *sender_of(struct client *client, const struct delivery *delivery) {
  unsigned index = 0, unit = 1;
  for (size_t at = delivery->sender_length; at > 0; at--, unit *= 10) {
    char digit = delivery->sender[at - 1];
    if (digit < '0' || digit > '9') break;
    index += (unsigned)(digit - '0') * unit;
  }
  struct worker *sender = index < worker_count ? &workers[index] : NULL;
  if (!sender || sender->client.name_length != delivery->sender_length ||
      memcmp(sender->client.name, delivery->sender, delivery->sender_length) != 0)
    fail("client %u: a delivery from %.*s", client->index, (int)delivery->sender_length,
         delivery->sender);
  return sender;
}

static bool may_come_from(const struct worker *sender, const struct client *client) {
  switch (stage->target) {
  case to_self: return &sender->client == client;
  case to_next: return (sender->client.index + 1) % worker_count == client->index;
  case to_first: return client->index == 0 && sender->client.index != 0;
  case to_topic: return client->index != 0 && sender->client.index == 0;
  default: return false;
  }
}

static void took_call(struct worker *worker, const struct delivery *delivery) {
  struct client *client = &worker->client;
  const uint8_t *bytes = delivery->payload;
  bool is_request = delivery->length > 5 && bytes[0] == 0x01;
  if (!is_request && (delivery->length < 5 || bytes[0] != 0x11))
    fail("client %u: neither a call nor an answer", client->index);
  bool from_self = delivery->sender_length == client->name_length &&
                   memcmp(delivery->sender, client->name, client->name_length) == 0;
  bool from_broker =
      delivery->sender_length == 7 && memcmp(delivery->sender, ".broker", 7) == 0;
  if (stage->call == answered_by_self ? !from_self : !from_broker || is_request)
    fail("client %u: a call from a stranger", client->index);
  if (get32(bytes + 1) != worker->call_id)
    fail("client %u: call %u, expected %u", client->index, get32(bytes + 1), worker->call_id);
  const uint8_t *body = bytes + 5;
  if (is_request) {
    body = memchr(body, 0, delivery->length - 5);
    if (!body) fail("client %u: a call without a method", client->index);
    body++;
  }
  size_t length = delivery->length - (size_t)(body - bytes);
  if (length != payload_length) fail("client %u: a call with %zu bytes", client->index, length);
  if (get32(body) != (uint32_t)(worker->sent - 1))
    fail("client %u: the payload of another call", client->index);
  worker->deliveries++;
  if (is_request) {
    uint8_t head[5] = {0x11};
    put32(head + 1, worker->call_id);
    put_operation(client, op_message | qos_all, code_ok, client->name, client->name_length, head,
                  sizeof head, body, length);
    flush(client);
  } else {
    worker->wants_delivery = false;
    go_on(worker);
  }
}

static void took_delivery(struct client *client, const struct delivery *delivery) {
  struct worker *worker = worker_of(client);
  if (delivery->kind != (stage->target == to_topic ? kind_publish : kind_message))
    fail("client %u: a delivery of kind %02x", client->index, delivery->kind);
  if (stage->call != no_call) {
    took_call(worker, delivery);
    return;
  }
  struct worker *sender = sender_of(client, delivery);
  if (!may_come_from(sender, client))
    fail("client %u: a message of client %u", client->index, sender->client.index);
  if (delivery->length != payload_length)
    fail("client %u: a message of %zu bytes", client->index, delivery->length);
  uint32_t *next = stage->target == to_topic ? &worker->next : &sender->next;
  uint32_t number = get32(delivery->payload);
  if (number != *next)
    fail("client %u: message %u of client %u, expected %u", client->index, number,
         sender->client.index, *next);
  if (number >= sender->sent) fail("client %u: a message nobody sent", client->index);
  ++*next;
  worker->deliveries++;
  if (!worker->floods && worker->wants_delivery) {
    worker->wants_delivery = false;
    go_on(worker);
  }
}

/* ---- a run ---- */

static bool is_done(const struct worker *worker) {
  const struct client *client = &worker->client;
  if (worker->floods)
    return worker->ended && client->ack_count == 0 && client->out.end == 0 &&
           arrived(worker) == worker->quota;
  // The probe beside a flood has no end of its own.
  if (stage->way == mixed) return true;
  return worker->finished == worker->quota && client->ack_count == 0;
}

static void tell_stall(void) {
  for (unsigned i = 0; i < worker_count; i++) {
    const struct worker *worker = &workers[i];
    fprintf(stderr, "client %u: %llu of %llu sent, %llu arrived, %u acknowledgements missing\n", i,
            (unsigned long long)worker->sent, (unsigned long long)worker->quota,
            (unsigned long long)worker->deliveries, worker->client.ack_count);
  }
  fail("%s: nothing came for %llu seconds", stage->name, (unsigned long long)(stall / SECOND));
}

/* Waits up to `milliseconds` and handles what comes. */
static void turn(int milliseconds) {
  struct epoll_event events[256];
  int count = epoll_wait(poller, events, 256, milliseconds);
  for (int i = 0; i < count; i++) {
    struct client *client = events[i].data.ptr;
    if (events[i].events & EPOLLOUT) {
      flush(client);
      last_arrival = now();
    }
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) take(client);
    if (client->closed) fail("client %u: the server closed the connection", client->index);
  }
  if (now() - last_arrival > stall) tell_stall();
}

static void reset(uint64_t operations) {
  unsigned receivers = stage->way == fan_out ? worker_count - 1 : 1;
  unsigned senders = stage->way == fan_out                            ? 1
                     : stage->way == fan_in || stage->way == mixed ? worker_count - 1
                                                                    : worker_count;
  uint64_t each = operations / receivers / senders;
  for (unsigned i = 0; i < worker_count; i++) {
    struct worker *worker = &workers[i];
    bool is_first = i == 0, is_last = i == worker_count - 1;
    bool sends = stage->way == fan_out ? is_first : stage->way == fan_in ? !is_first : true;
    worker->floods = stage->way != ping_pong && sends && !(stage->way == mixed && is_last);
    worker->quota = sends ? (each > 0 ? each : 1) : 0;
    if (stage->way == mixed && is_last) worker->quota = UINT64_MAX;
    worker->sent = worker->finished = worker->deliveries = 0;
    worker->next = 0;
    worker->ended = worker->wants_ack = worker->wants_delivery = false;
  }
  latencies.count = 0;
}

static void run(uint64_t operations) {
  reset(operations);
  last_arrival = now();
  uint64_t pinged = last_arrival;
  for (unsigned i = 0; i < worker_count; i++)
    if (!workers[i].floods) start_operation(&workers[i]);
  for (;;) {
    bool has_more = false, is_over = true;
    for (unsigned i = 0; i < worker_count; i++) {
      struct worker *worker = &workers[i];
      if (worker->floods && !worker->ended && !worker->client.blocked) {
        uint64_t before = worker->sent;
        send_some(worker);
        if (worker->sent != before && !worker->ended && !worker->client.blocked) has_more = true;
      }
      if (!is_done(worker)) is_over = false;
    }
    if (is_over) return;
    turn(has_more ? 0 : 100);
    if (now() - pinged < SECOND) continue;
    pinged = now();
    for (unsigned i = 0; i < worker_count; i++) ping(&workers[i].client);
  }
}

/* Lets the probe of a mixed stage end its operation. */
static void end_probe(void) {
  struct worker *probe = &workers[worker_count - 1];
  if (stage->way != mixed) return;
  probe->quota = probe->sent;
  while (probe->wants_ack || probe->wants_delivery) turn(100);
}

static void subscribe_all(void) {
  for (unsigned i = 1; i < worker_count; i++) {
    struct client *client = &workers[i].client;
    workers[i].floods = true;
    put_subscribe(client, topic);
    flush(client);
    while (client->ack_count > 0) turn(100);
  }
}

int main(int count, char **words) {
  static const struct option options[] = {
      {"socket", required_argument, 0, 's'},     {"stage", required_argument, 0, 'S'},
      {"operations", required_argument, 0, 'n'}, {"clients", required_argument, 0, 'c'},
      {"payload", required_argument, 0, 'p'},    {"window", required_argument, 0, 'w'},
      {"server-pid", required_argument, 0, 'P'}, {"stall", required_argument, 0, 't'},
      {0, 0, 0, 0},
  };
  const char *path = NULL, *stage_name = "";
  uint64_t operations = 0;
  long server = 0;
  for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
    switch (option) {
    case 's': path = optarg; break;
    case 'S': stage_name = optarg; break;
    case 'n': operations = strtoull(optarg, NULL, 10); break;
    case 'c': worker_count = (unsigned)strtoul(optarg, NULL, 10); break;
    case 'p': payload_length = strtoul(optarg, NULL, 10); break;
    case 'w': window = strtoull(optarg, NULL, 10); break;
    case 'P': server = strtol(optarg, NULL, 10); break;
    case 't': stall = strtoull(optarg, NULL, 10) * SECOND; break;
    default: return 2;
    }
  }
  for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
    if (strcmp(stages[i].name, stage_name) == 0) stage = &stages[i];
  if (!path || !stage || operations == 0) fail("load: socket, stage and operations are needed");
  if (payload_length < 4) fail("load: a payload has at least 4 bytes, to be numbered");
  if (worker_count < 2) fail("load: at least 2 clients");
  if (window < 1) fail("load: the window is at least 1");

  payload = allocate(payload_length);
  memset(payload, 0xee, payload_length);
  workers = allocate(worker_count * sizeof *workers);
  start_clients(path);
  last_arrival = now();
  for (unsigned i = 0; i < worker_count; i++)
    connect_client(&workers[i].client, i, 2 * payload_length + (64 << 10));
  if (stage->way == fan_out) subscribe_all();

  run(operations / 4 + 1);
  end_probe();
  uint64_t server_before = cpu_of(server), own_before = own_cpu(), started = now();
  run(operations);
  uint64_t ended = now(), own_after = own_cpu(), server_after = cpu_of(server);
  end_probe();

  uint64_t done = 0;
  for (unsigned i = 0; i < worker_count; i++) {
    const struct worker *worker = &workers[i];
    if (stage->way == fan_out) done += worker->deliveries;
    else if (worker->floods) done += worker->sent;
    else if (stage->way == ping_pong) done += worker->finished;
  }
  printf("{\"operations\":%llu,\"seconds\":%.6f,\"serverCpuSeconds\":%.9f,"
         "\"ownCpuSeconds\":%.9f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"serverResidentBytes\":%llu}\n",
         (unsigned long long)done, (double)(ended - started) / 1e9,
         (double)(server_after - server_before) / 1e9, (double)(own_after - own_before) / 1e9,
         percentile(&latencies, 0.5), percentile(&latencies, 0.99),
         (unsigned long long)resident_of(server));
  return 0;
}
