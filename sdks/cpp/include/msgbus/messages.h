// What is stored, and where it is.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

namespace msgbus {

using Headers = std::map<std::string, std::string>;

/// Names a daemon.
struct NodeId {
  std::string tenant_id;
  std::string bl_name;
  std::string device_id;
};

inline bool operator==(const NodeId& a, const NodeId& b) {
  return a.tenant_id == b.tenant_id && a.bl_name == b.bl_name && a.device_id == b.device_id;
}

/// A place in the commit order of one daemon's store; programs may keep it.
struct Position {
  /// Names the store, and changes when it is made anew. Empty on daemons that only speak v1.
  std::string epoch;
  /// The place; the head id when epoch is empty.
  std::uint64_t sequence = 0;
};

/// A message of a log, or, with head id 0, one that was not stored.
struct Message {
  std::string id;
  std::string topic;
  NodeId origin;
  std::uint64_t head_id = 0;
  std::string payload;
  Headers headers;
  /// Milliseconds since 1970.
  std::uint64_t created_at_ms = 0;
  bool deleted = false;
  /// Where a subscription goes on behind this message; absent while there is no place.
  std::optional<Position> position;
};

/// A message in a queue.
struct QueueMessage {
  std::string id;
  std::string queue;
  std::uint64_t sequence = 0;
  std::string payload;
  Headers headers;
  std::uint64_t created_at_ms = 0;
  /// Deliveries before this one that were not acknowledged.
  std::uint32_t attempts = 0;
};

struct OutgoingMessage {
  std::string topic;
  std::string payload;
  Headers headers{};
  /// Makes a repetition harmless: within the window of the daemon (ten minutes) the same id stores nothing. At most 128 bytes;
  /// empty: one is made where one is needed.
  std::string publish_id{};
};

/// Of a stored message.
struct Receipt {
  std::uint64_t head_id = 0;
  std::string id;
  std::uint64_t created_at_ms = 0;
  /// Stored before under the same publish id.
  bool duplicate = false;
};

/// The last head id of one log.
struct TopicHead {
  std::string topic;
  NodeId origin;
  std::uint64_t head_id = 0;
};

/// Everything stored.
struct Earliest {};
/// What is stored from now on.
struct Now {};
/// The newest message of each matching log, then what comes.
struct Last {};
/// From a head id of one log on: only for filters without wildcards.
struct AtHead {
  std::uint64_t head_id = 1;
};

/// Where a subscription begins; a position: behind it.
using Start = std::variant<Earliest, Now, Last, AtHead, Position>;

}  // namespace msgbus
