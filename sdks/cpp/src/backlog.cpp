#include "backlog.h"

#include <algorithm>

namespace msgbus {
namespace {

/// While so many are on their way, smaller batches wait and grow.
constexpr std::size_t busy_batches = 2;

}  // namespace

bool Backlog::has_room(std::size_t bytes) const {
  return messages_ == 0 || (messages_ < options_.max_in_flight_messages &&
                            bytes_ + bytes <= options_.max_in_flight_bytes);
}

void Backlog::add(std::shared_ptr<Entry> entry) {
  messages_ += 1;
  bytes_ += entry->bytes;
  waiting_.push_back(std::move(entry));
}

std::shared_ptr<Batch> Backlog::next_batch() {
  const std::size_t most = careful_ > 0 ? 1 : options_.max_batch_messages;
  const bool is_busy = in_flight_.size() >= busy_batches && waiting_.size() < most;
  if (waiting_.empty() || is_busy || (careful_ > 0 && !in_flight_.empty())) return nullptr;
  auto batch = std::make_shared<Batch>();
  batch->id = ++last_id_;
  std::size_t bytes = 0;
  while (!waiting_.empty() && batch->entries.size() < most) {
    bytes += waiting_.front()->bytes;
    if (!batch->entries.empty() && bytes > options_.max_batch_bytes) break;
    batch->entries.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  in_flight_.push_back(batch);
  return batch;
}

std::shared_ptr<Batch> Backlog::oldest() const {
  return in_flight_.empty() ? nullptr : in_flight_.front();
}

void Backlog::answered() {
  release(in_flight_.front()->entries);
  in_flight_.pop_front();
}

std::size_t Backlog::put_back() {
  std::size_t count = 0;
  for (; !in_flight_.empty(); in_flight_.pop_back()) {
    const Entries& entries = in_flight_.back()->entries;
    waiting_.insert(waiting_.begin(), entries.begin(), entries.end());
    count += entries.size();
  }
  return count;
}

Entries Backlog::drop(std::size_t count) {
  count = std::min(count, waiting_.size());
  Entries dropped(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  release(dropped);
  return dropped;
}

void Backlog::release(const Entries& entries) {
  for (const auto& entry : entries) bytes_ -= entry->bytes;
  messages_ -= entries.size();
  careful_ -= std::min(careful_, entries.size());
}

}  // namespace msgbus
