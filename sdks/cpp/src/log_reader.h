// One log, read by msgbus.v1: what is stored, then what comes, each message once and in order.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "connection.h"

namespace msgbus {

/// Asks for stored messages of one log, and hands each to `take`. Returns how many came.
template <typename Take>
std::uint32_t fetch_page(Connection& connection, const std::string& topic,
                         const std::optional<NodeId>& origin, std::uint64_t from,
                         std::uint32_t limit, Take take) {
  v1::FetchRequest request;
  request.set_topic(topic);
  request.set_from_head_id(from);
  request.set_limit(limit);
  if (origin) node_to(*origin, request.mutable_origin());
  Context context = connection.context();
  auto reader = connection.v1().Fetch(context.get(), request);
  Stream<v1::FetchResponse> page(std::move(context), std::move(reader));
  std::uint32_t count = 0;
  for (v1::FetchResponse response; page.read(response); ++count) {
    if (!response.has_message()) throw without_message();
    take(message_from(response.message()));
  }
  return count;
}

/// The stream that another thread may cancel at any time.
template <typename Response>
class CurrentStream {
 public:
  /// Null: there is none.
  Stream<Response>* get() { return stream_.get(); }
  void set(std::unique_ptr<Stream<Response>> stream) {
    const std::lock_guard lock(mutex_);
    stream_ = std::move(stream);
    if (stream_ && closed_) stream_->cancel();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (stream_) stream_->cancel();
  }
  bool is_closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  std::mutex mutex_;
  bool closed_ = false;
  std::unique_ptr<Stream<Response>> stream_;
};

class LogReader final : public Feed<Message>::Source {
 public:
  LogReader(std::shared_ptr<Connection> connection, std::string topic, LogOptions options);
  std::optional<Message> next() override;
  void close() override { live_.close(); }

 private:
  void read_more();
  std::uint32_t fetch(std::uint64_t from, std::uint32_t limit);

  std::shared_ptr<Connection> connection_;
  std::string topic_;
  LogOptions options_;
  ReconnectDelay delay_;
  /// The head to deliver next.
  std::uint64_t next_;
  std::deque<Message> ready_;
  bool is_caught_up_ = false;
  CurrentStream<v1::SubscribeResponse> live_;
};

}  // namespace msgbus
