#include "connection.h"

#include <array>
#include <random>

namespace msgbus {
namespace {

constexpr int max_response_bytes = 256 << 20;
constexpr std::chrono::nanoseconds most_delay = std::chrono::seconds{10};

/// By the number of the status: its name, and the reason that stands in when a daemon names none.
struct Code {
  const char* name;
  const char* usual_reason;
};
constexpr std::array<Code, 17> codes{{
    {"ok", ""},
    {"cancelled", "cancelled"},
    {"unknown", "internal"},
    {"invalid_argument", "bad_argument"},
    {"deadline_exceeded", "timed_out"},
    {"not_found", "not_found"},
    {"already_exists", "internal"},
    {"permission_denied", "access_denied"},
    {"resource_exhausted", "quota_exceeded"},
    {"failed_precondition", "internal"},
    {"aborted", "cancelled"},
    {"out_of_range", "payload_too_large"},
    {"unimplemented", "unsupported"},
    {"internal", "internal"},
    {"unavailable", "connection_lost"},
    {"data_loss", "damaged_record"},
    {"unauthenticated", "access_denied"},
}};

Error error_from(std::size_t number, const std::string& reason, const std::string& message) {
  const Code& code = number > 0 && number < codes.size() ? codes[number] : codes[2];
  return Error(code.name, reason.empty() ? code.usual_reason : reason, message);
}

bool starts_with(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

/// The address of the channel; whether it asks for TLS.
std::pair<std::string, bool> parse_target(const std::string& target) {
  const bool is_tls = starts_with(target, "https://");
  if (!is_tls && !starts_with(target, "http://")) return {target, false};
  std::string address = target.substr(target.find("://") + 3);
  if (!address.empty() && address.back() == '/') address.pop_back();
  if (address.empty() || address.find('/') != std::string::npos) {
    throw Error("invalid_argument", "bad_argument",
                "bad address " + target + ": expected host:port, http(s)://host:port or unix:/path");
  }
  const bool has_port = address.find(':', address.rfind(']') + 1) != std::string::npos;
  return {has_port ? address : address + ":50051", is_tls};
}

}  // namespace

Connection::Connection(const std::string& target, const ClientOptions& options)
    : token_(options.token) {
  const auto [address, is_tls] = parse_target(target);
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (is_tls || !options.root_certificates.empty()) {
    credentials = grpc::SslCredentials({options.root_certificates, options.key, options.certificate});
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(max_response_bytes);
  arguments.SetMaxSendMessageSize(max_response_bytes);
  // How often to try again is decided by what tries, so the channel itself does not hold it up.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // Which is how long an attempt may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // Finds out that the other side is gone without a word.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel = grpc::CreateCustomChannel(address, credentials, arguments);
  v1_ = v1::MsgbusService::NewStub(channel);
  bus_ = v2::BusService::NewStub(channel);
  clients_ = v2::ClientService::NewStub(channel);
  queues_ = v2::QueueService::NewStub(channel);
  admin_ = v2::AdminService::NewStub(channel);
}

void Connection::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (grpc::ClientContext* context : contexts_) context->TryCancel();
  closing_.notify_all();
}

std::unique_ptr<grpc::ClientContext, std::function<void(grpc::ClientContext*)>>
Connection::context() {
  auto* context = new grpc::ClientContext;
  if (!token_.empty()) context->AddMetadata("authorization", "Bearer " + token_);
  const std::lock_guard lock(mutex_);
  if (closed_) context->TryCancel();
  contexts_.insert(context);
  return {context, [this](grpc::ClientContext* gone) {
            {
              const std::lock_guard erasing(mutex_);
              contexts_.erase(gone);
            }
            delete gone;
          }};
}

void Connection::pause(std::chrono::nanoseconds duration) {
  std::unique_lock lock(mutex_);
  closing_.wait_for(lock, duration, [this] { return closed_.load(); });
}

Message Connection::publish_once(const OutgoingMessage& message) {
  v1::PublishRequest request;
  request.set_topic(message.topic);
  request.set_payload(message.payload);
  request.mutable_headers()->insert(message.headers.begin(), message.headers.end());
  const Context own = context();
  if (!message.publish_id.empty()) own->AddMetadata("msgbus-publish-id", message.publish_id);
  v1::PublishResponse response;
  require(v1_->Publish(own.get(), request, &response), *own);
  if (!response.has_message()) throw without_message();
  return message_from(response.message());
}

Error error_of(const grpc::Status& status, const grpc::ClientContext& context) {
  std::string reason;
  const auto& trailers = context.GetServerTrailingMetadata();
  if (const auto found = trailers.find("msgbus-reason"); found != trailers.end()) {
    reason.assign(found->second.data(), found->second.size());
  }
  return error_from(static_cast<std::size_t>(status.error_code()), reason, status.error_message());
}

Error error_of(const v2::Refusal& refusal) {
  return error_from(refusal.code(), refusal.reason(), refusal.message());
}

Error ended() { return {"unavailable", "connection_lost", "the daemon ended the stream"}; }

Error without_message() {
  return {"internal", "undecodable", "the daemon sent an answer without its message"};
}

Error unsupported(const std::string& what) {
  return {"unimplemented", "unsupported",
          "the daemon does not offer " + what + "; it speaks msgbus.v1 only"};
}

void ReconnectDelay::wait(Connection& connection) {
  step_ = step_.count() == 0 ? first_ : std::min(2 * step_, std::max(most_delay, first_));
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<std::int64_t> half(0, step_.count() / 2);
  connection.pause(step_ / 2 + std::chrono::nanoseconds{half(random)});
}

PublishIds::PublishIds() {
  std::random_device random;
  const char* digits = "0123456789abcdef";
  for (int i = 0; i < 24; ++i) prefix_ += digits[random() % 16];
  prefix_ += '-';
}

Message message_from(const v1::MessageEnvelope& wire) {
  Message message;
  message.id = wire.id();
  message.topic = wire.topic();
  message.origin = node_from(wire.origin());
  message.head_id = wire.head_id();
  message.payload = wire.payload();
  message.headers.insert(wire.headers().begin(), wire.headers().end());
  message.created_at_ms = wire.created_at_ms();
  message.deleted = wire.deleted();
  message.position = Position{"", wire.head_id()};
  return message;
}

}  // namespace msgbus
