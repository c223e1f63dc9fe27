// What a publisher has accepted and the daemon has not answered: first waiting, then in flight in batches, in order. Pure
// bookkeeping; the publisher's lock guards it.
#pragma once

#include <deque>
#include <future>
#include <memory>
#include <vector>

#include "msgbus/client.h"

namespace msgbus {

struct Entry {
  OutgoingMessage message;
  std::size_t bytes = 0;
  std::promise<Receipt> receipt;
};

using Entries = std::vector<std::shared_ptr<Entry>>;

struct Batch {
  std::uint64_t id = 0;
  Entries entries;
};

class Backlog {
 public:
  explicit Backlog(const PublisherOptions& options) : options_(options) {}

  bool has_room(std::size_t bytes) const;
  bool has_waiting() const { return !waiting_.empty(); }
  bool is_empty() const { return messages_ == 0; }
  void add(std::shared_ptr<Entry> entry);
  /// In flight from now on; empty while none should go.
  std::shared_ptr<Batch> next_batch();
  /// In flight; empty when nothing is.
  std::shared_ptr<Batch> oldest() const;
  /// Takes the oldest batch out.
  void answered();
  /// Puts what is in flight to the front of what waits, in its order. Returns how many messages that are.
  std::size_t put_back();
  /// Gives up the first messages of what waits.
  Entries drop(std::size_t count);
  std::size_t waiting() const { return waiting_.size(); }
  /// So many of the first messages go alone, to find out which of them broke a stream.
  void be_careful(std::size_t count) { careful_ = count; }

 private:
  void release(const Entries& entries);

  PublisherOptions options_;
  std::deque<std::shared_ptr<Entry>> waiting_;
  std::deque<std::shared_ptr<Batch>> in_flight_;
  std::size_t messages_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t last_id_ = 0;
  std::size_t careful_ = 0;
};

}  // namespace msgbus
