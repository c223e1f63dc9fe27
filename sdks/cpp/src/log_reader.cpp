#include "log_reader.h"

#include <algorithm>

namespace msgbus {
namespace {

/// Few enough to be answered quickly, and many enough to make the calls cheap.
constexpr std::uint32_t page_messages = 1000;

}  // namespace

LogReader::LogReader(std::shared_ptr<Connection> connection, std::string topic, LogOptions options)
    : connection_(std::move(connection)),
      topic_(std::move(topic)),
      options_(std::move(options)),
      delay_(options_.reconnect_delay),
      next_(std::max<std::uint64_t>(1, options_.from_head_id)) {}

std::optional<Message> LogReader::next() {
  while (!live_.is_closed()) {
    try {
      while (ready_.empty()) read_more();
      delay_.reset();
      Message message = std::move(ready_.front());
      ready_.pop_front();
      // Below: repeated by the daemon, or fetched already.
      if (message.head_id < next_) continue;
      next_ = message.head_id + 1;
      return message;
    } catch (const Error& error) {
      is_caught_up_ = false;
      live_.set(nullptr);
      if (live_.is_closed()) break;
      if (!connection_->may_retry(error)) throw;
      delay_.wait(*connection_);
    }
  }
  return std::nullopt;
}

void LogReader::read_more() {
  if (!is_caught_up_) {
    // What is stored is fetched page by page, since older daemons cut the replay.
    is_caught_up_ = fetch(next_, page_messages) < page_messages;
    return;
  }
  if (live_.get() == nullptr) {
    v1::SubscribeRequest request;
    request.set_topic(topic_);
    request.set_from_head_id(next_);
    request.set_replay_limit(options_.replay_limit);
    if (options_.origin) node_to(*options_.origin, request.mutable_origin());
    Context context = connection_->context();
    auto reader = connection_->v1().Subscribe(context.get(), request);
    live_.set(
        std::make_unique<Stream<v1::SubscribeResponse>>(std::move(context), std::move(reader)));
  }
  v1::SubscribeResponse response;
  if (!live_.get()->read(response)) throw ended();
  if (!response.has_message()) throw without_message();
  Message message = message_from(response.message());
  // What cannot be fetched is gone; waiting for it would stop here for good.
  for (std::uint64_t from = next_; from < message.head_id;) {
    const auto limit = std::min<std::uint64_t>(page_messages, message.head_id - from);
    if (fetch(from, static_cast<std::uint32_t>(limit)) == 0) break;
    from = ready_.back().head_id + 1;
  }
  ready_.push_back(std::move(message));
}

std::uint32_t LogReader::fetch(std::uint64_t from, std::uint32_t limit) {
  return fetch_page(*connection_, topic_, options_.origin, from, limit,
                    [this](Message message) { ready_.push_back(std::move(message)); });
}

}  // namespace msgbus
