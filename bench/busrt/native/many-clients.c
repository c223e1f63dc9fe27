/*
 * What it costs a BUS/RT server to have many clients:
 *
 *   many-clients --socket PATH --server-pid PID [--clients 10000] [--payload 100] [--seconds 5]
 *
 * Connects them one after the other, lets each send a message to itself, then lets all but two be idle
 * for `seconds`, pinging once a second as client libraries do, while two exchange a message every
 * millisecond. At last all subscribe to one topic, and messages are published on it, one when the other
 * has reached all. Prints one line of JSON.
 */

#include "client.h"
#include <getopt.h>

static struct client *clients;
static unsigned client_count = 10000;
static size_t payload_length = 100;
static uint8_t *payload;
static const char *topic = "bench/busrt/all";
static const unsigned publications = 10;
static unsigned arrived;
static uint64_t probe_since;
static struct samples latencies;

static void took_ack(struct client *client, uint32_t op) {
  (void)client;
  (void)op;
}

static void took_delivery(struct client *client, const struct delivery *delivery) {
  if (delivery->length != payload_length)
    fail("client %u: a message of %zu bytes", client->index, delivery->length);
  arrived++;
  if (probe_since != 0) add_sample(&latencies, now() - probe_since);
  probe_since = 0;
}

static void turn(int milliseconds) {
  struct epoll_event events[256];
  int count = epoll_wait(poller, events, 256, milliseconds);
  for (int i = 0; i < count; i++) {
    struct client *client = events[i].data.ptr;
    if (events[i].events & EPOLLOUT) flush(client);
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) take(client);
    if (client->closed) fail("client %u: the server closed the connection", client->index);
  }
}

static void send_message(struct client *from, const struct client *to, uint8_t quality) {
  put_operation(from, op_message | quality, code_ok, to->name, to->name_length, NULL, 0, payload,
                payload_length);
  flush(from);
}

/* Pings are spread over the second, as those of programs started at different times are. */
static void keep_alive(unsigned connected) {
  static unsigned next;
  static uint64_t last;
  if (last == 0) last = now();
  uint64_t due = (now() - last) * connected / SECOND;
  if (due == 0) return;
  last = now();
  if (due > connected) due = connected;
  for (; due > 0; due--) {
    next = next + 1 < connected ? next + 1 : 0;
    ping(&clients[next]);
  }
}

static bool all_acknowledged(void) {
  for (unsigned i = 0; i < client_count; i++)
    if (clients[i].ack_count > 0) return false;
  return true;
}

int main(int count, char **words) {
  static const struct option options[] = {
      {"socket", required_argument, 0, 's'},  {"server-pid", required_argument, 0, 'P'},
      {"clients", required_argument, 0, 'c'}, {"payload", required_argument, 0, 'p'},
      {"seconds", required_argument, 0, 't'}, {0, 0, 0, 0},
  };
  const char *path = NULL;
  double seconds = 5;
  long server = 0;
  for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
    switch (option) {
    case 's': path = optarg; break;
    case 'P': server = strtol(optarg, NULL, 10); break;
    case 'c': client_count = (unsigned)strtoul(optarg, NULL, 10); break;
    case 'p': payload_length = strtoul(optarg, NULL, 10); break;
    case 't': seconds = strtod(optarg, NULL); break;
    default: return 2;
    }
  }
  if (!path || !server) fail("many-clients: socket and server-pid are needed");
  if (client_count < 2) fail("many-clients: at least 2 clients");
  payload = allocate(payload_length);
  memset(payload, 0xee, payload_length);
  clients = allocate(client_count * sizeof *clients);
  start_clients(path);

  uint64_t resident_before = resident_of(server), started = now();
  for (unsigned i = 0; i < client_count; i++) {
    connect_client(&clients[i], i, 2 * payload_length + 1024);
    keep_alive(i + 1);
    turn(0);
  }
  double connect_seconds = (double)(now() - started) / 1e9;
  uint64_t resident_connected = resident_of(server);

  for (unsigned i = 0; i < client_count; i++) {
    send_message(&clients[i], &clients[i], qos_all);
    turn(0);
  }
  for (uint64_t since = now(); arrived < client_count;) {
    keep_alive(client_count);
    turn(100);
    if (now() - since > stall) fail("%u of %u messages came", arrived, client_count);
  }
  uint64_t resident_used = resident_of(server);

  uint64_t begin = now(), cpu_before = cpu_of(server), last_probe = begin;
  while (now() - begin < (uint64_t)(seconds * 1e9)) {
    keep_alive(client_count);
    if (probe_since == 0 && now() - last_probe >= SECOND / 1000) {
      last_probe = probe_since = now();
      send_message(&clients[0], &clients[1], qos_realtime);
    }
    turn(1);
  }
  double cpu_share = (double)(cpu_of(server) - cpu_before) / (double)(now() - begin);
  uint64_t resident_idle = resident_of(server);
  double p50 = percentile(&latencies, 0.5), p99 = percentile(&latencies, 0.99);

  for (unsigned i = 0; i < client_count; i++) {
    put_subscribe(&clients[i], topic);
    flush(&clients[i]);
    keep_alive(client_count);
    turn(0);
  }
  for (uint64_t since = now(); !all_acknowledged();) {
    turn(100);
    if (now() - since > stall) fail("not every subscription was acknowledged");
  }
  uint64_t resident_most = 0, fan_out_cpu = cpu_of(server), fan_out_begin = now();
  for (unsigned i = 0; i < publications; i++) {
    uint64_t since = now();
    arrived = 0;
    put_operation(&clients[0], op_publish | qos_none, code_ok, topic, strlen(topic), NULL, 0,
                  payload, payload_length);
    flush(&clients[0]);
    while (arrived < client_count) {
      keep_alive(client_count);
      turn(1);
      uint64_t resident = resident_of(server);
      if (resident > resident_most) resident_most = resident;
      if (now() - since > stall) fail("%u of %u publications came", arrived, client_count);
    }
  }
  double deliveries = (double)publications * client_count;
  double fan_out_us = (double)(now() - fan_out_begin) / 1e3 / publications;
  double delivery_cpu_us = (double)(cpu_of(server) - fan_out_cpu) / 1e3 / deliveries;
  printf("{\"clients\":%u,\"connectSeconds\":%.3f,\"residentBefore\":%llu,"
         "\"residentConnected\":%llu,\"residentUsed\":%llu,\"residentIdle\":%llu,"
         "\"idleCpuShare\":%.4f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"fanOutUs\":%.0f,"
         "\"deliveryCpuUs\":%.3f,\"residentMost\":%llu}\n",
         client_count, connect_seconds, (unsigned long long)resident_before,
         (unsigned long long)resident_connected, (unsigned long long)resident_used,
         (unsigned long long)resident_idle, cpu_share, p50, p99, fan_out_us, delivery_cpu_us,
         (unsigned long long)resident_most);
  return 0;
}
