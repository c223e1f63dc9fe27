// One channel to a daemon, with failures turned into ours.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "msgbus/client.h"
#include "msgbus/v1/msgbus.grpc.pb.h"
#include "msgbus/v2/msgbus.grpc.pb.h"

namespace msgbus {

class Connection {
 public:
  Connection(const std::string& target, const ClientOptions& options);

  /// Ends every call; what waits for another attempt gives up.
  void close();
  bool is_closed() const { return closed_; }
  bool may_retry(const Error& error) const { return error.retryable() && !closed_; }

  /// A context that close ends, as long as it lives.
  std::unique_ptr<grpc::ClientContext, std::function<void(grpc::ClientContext*)>> context();

  /// Waits that long; returns early when the connection is closed.
  void pause(std::chrono::nanoseconds duration);

  v1::MsgbusService::Stub& v1() { return *v1_; }
  v2::BusService::Stub& bus() { return *bus_; }
  v2::ClientService::Stub& clients() { return *clients_; }
  v2::QueueService::Stub& queues() { return *queues_; }
  v2::AdminService::Stub& admin() { return *admin_; }

  /// Stores a message once.
  Message publish_once(const OutgoingMessage& message);

 private:
  std::unique_ptr<v1::MsgbusService::Stub> v1_;
  std::unique_ptr<v2::BusService::Stub> bus_;
  std::unique_ptr<v2::ClientService::Stub> clients_;
  std::unique_ptr<v2::QueueService::Stub> queues_;
  std::unique_ptr<v2::AdminService::Stub> admin_;
  std::string token_;
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::condition_variable closing_;
  std::set<grpc::ClientContext*> contexts_;
};

using Context = decltype(std::declval<Connection>().context());

/// What a call failed with.
Error error_of(const grpc::Status& status, const grpc::ClientContext& context);
Error error_of(const v2::Refusal& refusal);
Error ended();
Error without_message();
Error unsupported(const std::string& what);

inline void require(const grpc::Status& status, const grpc::ClientContext& context) {
  if (!status.ok()) throw error_of(status, context);
}

/// The responses of one stream; ended when it goes.
template <typename Response>
class Stream {
 public:
  Stream(Context context, std::unique_ptr<grpc::ClientReader<Response>> reader)
      : context_(std::move(context)), reader_(std::move(reader)) {}
  ~Stream() {
    if (!finished_) {
      context_->TryCancel();
      reader_->Finish();
    }
  }

  /// False at the end. Throws what it failed with.
  bool read(Response& response) {
    if (reader_->Read(&response)) return true;
    finished_ = true;
    require(reader_->Finish(), *context_);
    return false;
  }
  void cancel() { context_->TryCancel(); }

 private:
  Context context_;
  std::unique_ptr<grpc::ClientReader<Response>> reader_;
  bool finished_ = false;
};

/// Doubles, and leaves out a random half, so that many clients of a restarted daemon do not come in step.
class ReconnectDelay {
 public:
  explicit ReconnectDelay(Milliseconds first) : first_(first) {}
  /// To be called after every success.
  void reset() { step_ = std::chrono::nanoseconds{0}; }
  void wait(Connection& connection);

 private:
  std::chrono::nanoseconds first_;
  std::chrono::nanoseconds step_{0};
};

/// Publish ids that no other process makes: a random beginning and a number.
class PublishIds {
 public:
  PublishIds();
  std::string next() { return prefix_ + std::to_string(++last_); }

 private:
  std::string prefix_;
  std::atomic<std::uint64_t> last_{0};
};

template <typename Wire>
NodeId node_from(const Wire& wire) {
  return {wire.tenant_id(), wire.bl_name(), wire.device_id()};
}

template <typename Wire>
void node_to(const NodeId& node, Wire* wire) {
  wire->set_tenant_id(node.tenant_id);
  wire->set_bl_name(node.bl_name);
  wire->set_device_id(node.device_id);
}

Message message_from(const v1::MessageEnvelope& wire);

template <typename Wire>
QueueMessage queue_message_from(const Wire& wire) {
  return {wire.id(),
          wire.queue(),
          wire.sequence(),
          wire.payload(),
          Headers(wire.headers().begin(), wire.headers().end()),
          wire.created_at_ms(),
          wire.attempts()};
}

}  // namespace msgbus
