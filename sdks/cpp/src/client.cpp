#include "msgbus/client.h"

#include <algorithm>

#include "connection.h"
#include "consumer.h"
#include "log_reader.h"
#include "subscription.h"

namespace msgbus {
namespace {

PublishIds publish_ids;

/// Whether this daemon speaks v2. An answer of any kind, even a refusal, is that of one.
bool knows_publish_ids(Connection& connection, ReconnectDelay& delay) {
  while (true) {
    const Context context = connection.context();
    v2::GetStatusResponse response;
    const grpc::Status status = connection.admin().GetStatus(context.get(), {}, &response);
    if (status.ok()) return true;
    const Error error = error_of(status, *context);
    if (error.unsupported()) return false;
    if (!error.retryable()) return true;
    if (connection.is_closed()) throw error;
    delay.wait(connection);
  }
}

}  // namespace

Client::Client(const std::string& target, const ClientOptions& options)
    : connection_(std::make_shared<Connection>(target, options)) {}

Client::~Client() { connection_->close(); }

Message Client::publish(OutgoingMessage message) {
  if (message.publish_id.empty()) message.publish_id = publish_ids.next();
  ReconnectDelay delay(usual_reconnect_delay);
  bool is_repeatable = false;
  while (true) {
    try {
      return connection_->publish_once(message);
    } catch (const Error& error) {
      if (!connection_->may_retry(error)) throw;
      is_repeatable = is_repeatable || knows_publish_ids(*connection_, delay);
      if (!is_repeatable) throw;
    }
    delay.wait(*connection_);
  }
}

Publisher Client::publisher(PublisherOptions options) { return Publisher(connection_, options); }

Feed<Message> Client::subscribe(const std::string& filter, SubscribeOptions options) {
  return Feed<Message>(
      std::make_unique<SubscriptionSource>(connection_, filter, std::move(options)));
}

Feed<Message> Client::subscribe_log(const std::string& topic, LogOptions options) {
  return Feed<Message>(std::make_unique<LogReader>(connection_, topic, std::move(options)));
}

std::vector<Message> Client::fetch(const std::string& topic, std::uint64_t from_head_id,
                                   std::uint32_t limit, const std::optional<NodeId>& origin) {
  std::vector<Message> messages;
  fetch_page(*connection_, topic, origin, std::max<std::uint64_t>(1, from_head_id), limit,
             [&messages](Message message) { messages.push_back(std::move(message)); });
  return messages;
}

std::optional<std::uint64_t> Client::get_head(const std::string& topic,
                                              const std::optional<NodeId>& origin) {
  v1::GetHeadRequest request;
  request.set_topic(topic);
  if (origin) node_to(*origin, request.mutable_origin());
  const Context context = connection_->context();
  v1::GetHeadResponse response;
  require(connection_->v1().GetHead(context.get(), request, &response), *context);
  if (!response.found()) return std::nullopt;
  return response.head_id();
}

std::vector<TopicHead> Client::list_heads() {
  const Context context = connection_->context();
  v1::ListHeadsResponse response;
  require(connection_->v1().ListHeads(context.get(), {}, &response), *context);
  std::vector<TopicHead> heads;
  for (const v1::TopicHead& head : response.heads()) {
    heads.push_back({head.topic(), node_from(head.origin()), head.head_id()});
  }
  return heads;
}

std::uint64_t Client::delete_range(const std::string& topic, std::uint64_t from_head_id,
                                   std::uint64_t to_head_id) {
  v1::DeleteRangeRequest request;
  request.set_topic(topic);
  request.set_from_head_id(from_head_id);
  request.set_to_head_id(to_head_id);
  const Context context = connection_->context();
  v1::DeleteRangeResponse response;
  require(connection_->v1().DeleteRange(context.get(), request, &response), *context);
  return response.deleted_count();
}

QueueMessage Client::enqueue(const std::string& queue, const std::string& payload,
                             const std::optional<NodeId>& target) {
  v1::EnqueueFifoRequest request;
  request.set_queue(queue);
  request.set_topic(queue);
  node_to(target.value_or(NodeId{}), request.mutable_target());
  request.set_payload(payload);
  const Context context = connection_->context();
  v1::EnqueueFifoResponse response;
  require(connection_->v1().EnqueueFifo(context.get(), request, &response), *context);
  if (!response.has_message()) throw without_message();
  return queue_message_from(response.message());
}

Feed<Delivery> Client::consume(const std::string& queue, ConsumeOptions options) {
  return Feed<Delivery>(std::make_unique<ConsumerSource>(connection_, queue, options));
}

std::optional<QueueMessage> Client::peek_fifo(const std::string& queue) {
  v1::PeekFifoRequest request;
  request.set_queue(queue);
  const Context context = connection_->context();
  v1::PeekFifoResponse response;
  const grpc::Status status = connection_->v1().PeekFifo(context.get(), request, &response);
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) return std::nullopt;
  require(status, *context);
  return queue_message_from(response.message());
}

bool Client::ack_fifo(const std::string& queue, const std::string& message_id) {
  v1::AckFifoRequest request;
  request.set_queue(queue);
  request.set_message_id(message_id);
  const Context context = connection_->context();
  v1::AckFifoResponse response;
  require(connection_->v1().AckFifo(context.get(), request, &response), *context);
  return response.accepted();
}

bool Client::reject_fifo(const std::string& queue, const std::string& message_id) {
  v1::RejectFifoRequest request;
  request.set_queue(queue);
  request.set_message_id(message_id);
  const Context context = connection_->context();
  v1::RejectFifoResponse response;
  require(connection_->v1().RejectFifo(context.get(), request, &response), *context);
  return response.accepted();
}

std::string Client::call(const std::string& procedure, const std::string& payload,
                         std::optional<Milliseconds> timeout) {
  v2::CallRequest request;
  request.set_procedure(procedure);
  request.set_payload(payload);
  const Context context = connection_->context();
  if (timeout) context->set_deadline(std::chrono::system_clock::now() + *timeout);
  v2::CallResponse response;
  const grpc::Status status = connection_->clients().Call(context.get(), request, &response);
  if (!status.ok()) {
    const Error error = error_of(status, *context);
    throw error.unsupported() ? unsupported("procedures") : error;
  }
  if (response.has_failure()) {
    const v2::CallFailure& failure = response.failure();
    throw CallError(failure.name(), failure.message(), failure.payload());
  }
  return response.result().payload();
}

Registration Client::register_procedure(const std::string& procedure, CallHandler handler) {
  return Registration(connection_, procedure, std::move(handler));
}

void Client::send(const std::string& target, const std::string& payload) {
  v2::SendRequest request;
  request.set_target(target);
  request.set_payload(payload);
  const Context context = connection_->context();
  v2::SendResponse response;
  require(connection_->clients().Send(context.get(), request, &response), *context);
}

std::uint32_t Client::broadcast(const std::string& mask, const std::string& payload) {
  v2::BroadcastRequest request;
  request.set_mask(mask);
  request.set_payload(payload);
  const Context context = connection_->context();
  v2::BroadcastResponse response;
  require(connection_->clients().Broadcast(context.get(), request, &response), *context);
  return response.receivers();
}

NodeId Client::node() {
  const Context context = connection_->context();
  v1::HealthResponse response;
  require(connection_->v1().Health(context.get(), {}, &response), *context);
  return node_from(response.node());
}

}  // namespace msgbus
