// Queues that several programs share.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "log_reader.h"

namespace msgbus {

class ConsumerSource final : public Feed<Delivery>::Source {
 public:
  ConsumerSource(std::shared_ptr<Connection> connection, const std::string& queue,
                 const ConsumeOptions& options);
  std::optional<Delivery> next() override;
  void close() override { stream_.close(); }

 private:
  std::shared_ptr<Connection> connection_;
  v2::ConsumeRequest request_;
  ReconnectDelay delay_;
  CurrentStream<v2::ConsumeResponse> stream_;
};

}  // namespace msgbus
