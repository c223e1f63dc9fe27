// Subscriptions by filter, over many logs.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include "log_reader.h"

namespace msgbus {

/// What a subscription remembers of one log, so that a start from another place repeats nothing.
struct KnownLog {
  std::string topic;
  NodeId origin;
  std::uint64_t last_head = 0;
  std::string last_id;
  /// Messages up to this head came before and are left out.
  std::uint64_t skip_to = 0;
};

class SubscriptionSource final : public Feed<Message>::Source {
 public:
  SubscriptionSource(std::shared_ptr<Connection> connection, std::string filter,
                     SubscribeOptions options);
  std::optional<Message> next() override;
  void close() override;

 private:
  void read_more();
  void open();
  Start next_start();
  void accept(const v2::SubscribeResponse& response);
  std::shared_ptr<KnownLog> find(const std::shared_ptr<KnownLog>& before, const v2::Message& wire);
  Error start_anew(const Error& cause);
  std::string id_at(const KnownLog& log);
  std::shared_ptr<LogReader> read_v1();

  std::shared_ptr<Connection> connection_;
  std::string filter_;
  SubscribeOptions options_;
  ReconnectDelay delay_;
  std::map<std::tuple<std::string, std::string, std::string, std::string>,
           std::shared_ptr<KnownLog>>
      known_;
  std::deque<Message> ready_;
  std::optional<Position> position_;
  /// The store was made anew, and what to leave out is decided already.
  bool is_anew_ = false;
  CurrentStream<v2::SubscribeResponse> stream_;
  /// Reads instead, when the daemon only speaks v1.
  std::mutex v1_mutex_;
  std::shared_ptr<LogReader> on_v1_;
};

}  // namespace msgbus
