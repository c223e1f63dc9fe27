// The client of one daemon. Include this; begin with msgbus::Client.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "msgbus/errors.h"
#include "msgbus/filter.h"
#include "msgbus/messages.h"

namespace msgbus {

using Milliseconds = std::chrono::milliseconds;

/// Before the first new attempt after a broken connection; it doubles up to 10 s, of which a random half is left out.
inline constexpr Milliseconds usual_reconnect_delay{250};

class Connection;

/// What comes, each once and in order, over as many connections as that takes. One thread reads; any thread may close.
template <typename Item>
class Feed {
 public:
  class Source {
   public:
    virtual ~Source() = default;
    virtual std::optional<Item> next() = 0;
    virtual void close() = 0;
  };

  explicit Feed(std::unique_ptr<Source> source) : source_(std::move(source)) {}
  Feed(Feed&&) noexcept = default;
  Feed& operator=(Feed&&) noexcept = default;
  ~Feed() {
    if (source_) source_->close();
  }

  /// Waits for the next one; empty once it is closed. Throws Error when trying again cannot help.
  std::optional<Item> next() { return source_->next(); }
  void close() { source_->close(); }

 private:
  std::unique_ptr<Source> source_;
};

/// What to do when the daemon's store was made anew: begin at the earliest and leave out what is still the same, go on with what
/// comes, or fail with the reason bad_position.
enum class HistoryChange { earliest, now, fail };

struct SubscribeOptions {
  Start start = Earliest{};
  /// Only messages of this node.
  std::optional<NodeId> origin{};
  /// Leaves out publications that are not stored (head id 0).
  bool stored_only = false;
  HistoryChange history_changed = HistoryChange::earliest;
  Milliseconds reconnect_delay = usual_reconnect_delay;
};

struct LogOptions {
  /// Absent: the daemon itself.
  std::optional<NodeId> origin{};
  std::uint64_t from_head_id = 1;
  std::uint32_t replay_limit = 100;
  Milliseconds reconnect_delay = usual_reconnect_delay;
};

struct ConsumeOptions {
  /// Messages leased and not settled; more hides the way to the daemon and back.
  std::uint32_t max_in_flight = 1;
  Milliseconds lease{30'000};
  Milliseconds reconnect_delay = usual_reconnect_delay;
};

/// A leased message. Settle it once, with ack or release.
class Delivery {
 public:
  Delivery(std::shared_ptr<Connection> connection, QueueMessage message, std::string lease_id);

  const QueueMessage& message() const { return message_; }
  /// Done: removes the message. False: the lease had ended, and another consumer may have it.
  bool ack();
  /// Not done: counts an attempt and gives the message back after the delay.
  bool release(Milliseconds delay = Milliseconds{0});
  /// Not done yet: keeps it for this much longer, from now; 0: as long as at first.
  bool extend(Milliseconds lease = Milliseconds{0});

 private:
  std::shared_ptr<Connection> connection_;
  QueueMessage message_;
  std::string lease_id_;
};

struct PublisherOptions {
  /// Accepted and not yet answered, before publish waits.
  std::size_t max_in_flight_messages = 10'000;
  std::size_t max_in_flight_bytes = 8 << 20;
  /// In one frame; a larger message goes alone.
  std::size_t max_batch_messages = 1'000;
  std::size_t max_batch_bytes = 256 << 10;
  /// After so long without any answer, everything waiting fails.
  Milliseconds give_up_after{120'000};
  Milliseconds reconnect_delay = usual_reconnect_delay;
};

/// Publishes many messages with few frames. Batches clock themselves: what is published while batches are on their way goes with
/// the next one. What has no answer when the connection breaks is sent again with the same publish ids: no loss, no repetition,
/// same order. A daemon that only speaks v1 gets single calls in order; nothing is repeated there. Threads may share it.
class Publisher {
 public:
  Publisher(std::shared_ptr<Connection> connection, PublisherOptions options);
  Publisher(Publisher&&) noexcept;
  /// Closes it.
  ~Publisher();

  /// Accepts a message, after waiting for room. The future gives its receipt, or throws Error. The order of calls is the order of
  /// messages.
  std::future<Receipt> publish(OutgoingMessage message);
  /// Returns when everything accepted before is answered.
  void flush();
  /// Flushes, then ends.
  void close();

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

/// A call as the procedure sees it.
struct IncomingCall {
  std::string procedure;
  std::string payload;
  Headers headers;
  /// Its name; empty when it has none.
  std::string caller;
};

/// Answers with a payload, in any thread; what it throws reaches the caller, a CallError as it is.
using CallHandler = std::function<std::string(const IncomingCall&)>;

/// A procedure that this program serves, until this goes. It is registered again when the connection breaks. Calls are answered one
/// after the other.
class Registration {
 public:
  Registration(std::shared_ptr<Connection> connection, std::string procedure, CallHandler handler);
  Registration(Registration&&) noexcept;
  ~Registration();

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

struct ClientOptions {
  /// PEM. Without them those of the system hold.
  std::string root_certificates{};
  std::string certificate{};
  std::string key{};
  /// Empty: none.
  std::string token{};
};

/// Speaks with one daemon over one connection, which mends itself. Threads may share it. Calls throw Error.
class Client {
 public:
  /// The first call makes the connection. The target is "host:port", "http://host:port", "https://host:port" (TLS) or "unix:/path".
  explicit Client(const std::string& target, const ClientOptions& options = {});
  /// Ends everything at once. Publishers flush when they go, so let them go before.
  ~Client();

  /// Stores a message, and returns it once it is as durable as the daemon is configured. Repeated after a broken connection, with
  /// the same publish id, so that it is stored once. A daemon that only speaks v1 is not asked twice.
  Message publish(OutgoingMessage message);
  Publisher publisher(PublisherOptions options = {});

  /// Every message that a filter matches: stored ones, then what comes.
  Feed<Message> subscribe(const std::string& filter, SubscribeOptions options = {});
  /// One log by head ids, as msgbus.v1 has it.
  Feed<Message> subscribe_log(const std::string& topic, LogOptions options = {});
  /// Stored messages of one log, in order; at most 10,000 at once.
  std::vector<Message> fetch(const std::string& topic, std::uint64_t from_head_id = 1,
                             std::uint32_t limit = 100, const std::optional<NodeId>& origin = {});
  /// The last head id of a log; absent when nothing was ever stored in it.
  std::optional<std::uint64_t> get_head(const std::string& topic,
                                        const std::optional<NodeId>& origin = {});
  /// Every log of every origin.
  std::vector<TopicHead> list_heads();
  /// Deletes messages of the daemon's own log, both ends included, and returns how many.
  std::uint64_t delete_range(const std::string& topic, std::uint64_t from_head_id,
                             std::uint64_t to_head_id);

  /// Adds a message at the end of a queue; with a target, of that node's.
  QueueMessage enqueue(const std::string& queue, const std::string& payload,
                       const std::optional<NodeId>& target = {});
  /// Takes messages from a queue that programs share.
  Feed<Delivery> consume(const std::string& queue, ConsumeOptions options = {});
  /// The front message, which stays there.
  std::optional<QueueMessage> peek_fifo(const std::string& queue);
  /// Removes the front message if it has this id.
  bool ack_fifo(const std::string& queue, const std::string& message_id);
  /// Counts an attempt on the front message if it has this id.
  bool reject_fifo(const std::string& queue, const std::string& message_id);

  /// Calls a procedure, whoever serves it and by whatever protocol. Nothing is repeated. Throws CallError for an error of the
  /// application. No timeout: as long as the daemon allows.
  std::string call(const std::string& procedure, const std::string& payload = {},
                   std::optional<Milliseconds> timeout = {});
  /// Serves a procedure; returns when it is registered.
  Registration register_procedure(const std::string& procedure, CallHandler handler);
  /// Hands a message to the client of a name, which may speak any protocol.
  void send(const std::string& target, const std::string& payload);
  /// Hands a message to every client whose name matches a mask, and returns how many that were.
  std::uint32_t broadcast(const std::string& mask, const std::string& payload);
  /// The node id of the daemon.
  NodeId node();

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace msgbus
