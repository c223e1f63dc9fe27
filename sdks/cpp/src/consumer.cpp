#include "consumer.h"

namespace msgbus {
namespace {

bool settle(Connection& connection, const std::string& queue, const std::string& lease_id,
            v2::Settlement settlement) {
  settlement.set_queue(queue);
  settlement.set_lease_id(lease_id);
  v2::SettleRequest request;
  *request.add_settlements() = std::move(settlement);
  const Context context = connection.context();
  v2::SettleResponse response;
  require(connection.queues().Settle(context.get(), request, &response), *context);
  return response.accepted_size() > 0 && response.accepted(0);
}

}  // namespace

Delivery::Delivery(std::shared_ptr<Connection> connection, QueueMessage message,
                   std::string lease_id)
    : connection_(std::move(connection)),
      message_(std::move(message)),
      lease_id_(std::move(lease_id)) {}

bool Delivery::ack() {
  v2::Settlement settlement;
  settlement.mutable_acknowledge();
  return settle(*connection_, message_.queue, lease_id_, std::move(settlement));
}

bool Delivery::release(Milliseconds delay) {
  v2::Settlement settlement;
  settlement.mutable_release()->set_delay_ms(static_cast<std::uint32_t>(delay.count()));
  return settle(*connection_, message_.queue, lease_id_, std::move(settlement));
}

bool Delivery::extend(Milliseconds lease) {
  v2::Settlement settlement;
  settlement.mutable_extend()->set_lease_ms(static_cast<std::uint32_t>(lease.count()));
  return settle(*connection_, message_.queue, lease_id_, std::move(settlement));
}

ConsumerSource::ConsumerSource(std::shared_ptr<Connection> connection, const std::string& queue,
                               const ConsumeOptions& options)
    : connection_(std::move(connection)), delay_(options.reconnect_delay) {
  request_.set_queue(queue);
  request_.set_max_in_flight(options.max_in_flight);
  request_.set_lease_ms(static_cast<std::uint32_t>(options.lease.count()));
}

std::optional<Delivery> ConsumerSource::next() {
  while (!stream_.is_closed()) {
    try {
      if (stream_.get() == nullptr) {
        Context context = connection_->context();
        auto reader = connection_->queues().Consume(context.get(), request_);
        stream_.set(
            std::make_unique<Stream<v2::ConsumeResponse>>(std::move(context), std::move(reader)));
      }
      v2::ConsumeResponse response;
      if (!stream_.get()->read(response)) throw ended();
      if (!response.has_message()) throw without_message();
      delay_.reset();
      return Delivery(connection_, queue_message_from(response.message()), response.lease_id());
    } catch (const Error& error) {
      stream_.set(nullptr);
      if (stream_.is_closed()) break;
      if (error.unsupported()) throw unsupported("leases; use peek_fifo and ack_fifo");
      if (!connection_->may_retry(error)) throw;
      delay_.wait(*connection_);
    }
  }
  return std::nullopt;
}

}  // namespace msgbus
