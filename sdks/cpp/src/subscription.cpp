#include "subscription.h"

#include <algorithm>

namespace msgbus {
namespace {

/// Beyond it logs are served, but not remembered.
constexpr std::size_t most_logs = 100'000;

bool is_exact(const std::string& filter) { return filter.find_first_of("+#") == std::string::npos; }

v2::Start wire_start(const Start& start) {
  v2::Start wire;
  if (const auto* head = std::get_if<AtHead>(&start)) {
    wire.set_head_id(head->head_id);
  } else if (const auto* position = std::get_if<Position>(&start)) {
    wire.mutable_after()->set_epoch(position->epoch);
    wire.mutable_after()->set_sequence(position->sequence);
  } else if (std::holds_alternative<Now>(start)) {
    wire.mutable_now();
  } else if (std::holds_alternative<Last>(start)) {
    wire.mutable_last();
  } else {
    wire.mutable_earliest();
  }
  return wire;
}

}  // namespace

SubscriptionSource::SubscriptionSource(std::shared_ptr<Connection> connection, std::string filter,
                                       SubscribeOptions options)
    : connection_(std::move(connection)),
      filter_(std::move(filter)),
      options_(std::move(options)),
      delay_(options_.reconnect_delay) {
  check_filter(filter_);
  if (const auto* position = std::get_if<Position>(&options_.start);
      position != nullptr && position->epoch.empty()) {
    options_.start = AtHead{position->sequence + 1};
  }
  if (auto* head = std::get_if<AtHead>(&options_.start)) {
    head->head_id = std::max<std::uint64_t>(1, head->head_id);
    if (!is_exact(filter_)) {
      throw Error("invalid_argument", "bad_argument",
                  "a head id counts in one log: it cannot start the filter \"" + filter_ + "\"");
    }
  }
}

void SubscriptionSource::close() {
  stream_.close();
  const std::lock_guard lock(v1_mutex_);
  if (on_v1_) on_v1_->close();
}

std::optional<Message> SubscriptionSource::next() {
  while (!on_v1_) {
    if (stream_.is_closed()) return std::nullopt;
    try {
      while (ready_.empty()) read_more();
      Message message = std::move(ready_.front());
      ready_.pop_front();
      return message;
    } catch (const Error& error) {
      stream_.set(nullptr);
      if (stream_.is_closed()) return std::nullopt;
      const Error cause = start_anew(error);
      if (cause.unsupported()) {
        auto reader = read_v1();
        const std::lock_guard lock(v1_mutex_);
        on_v1_ = std::move(reader);
        if (stream_.is_closed()) on_v1_->close();
      } else if (!connection_->may_retry(cause)) {
        throw cause;
      } else {
        delay_.wait(*connection_);
      }
    }
  }
  return on_v1_->next();
}

void SubscriptionSource::read_more() {
  if (stream_.get() == nullptr) open();
  v2::SubscribeResponse response;
  if (!stream_.get()->read(response)) throw ended();
  delay_.reset();
  accept(response);
}

void SubscriptionSource::open() {
  const bool is_head = std::holds_alternative<AtHead>(options_.start);
  if (is_head && !options_.origin) {
    // A head id counts in one log: the daemon's own, as in v1.
    const Context context = connection_->context();
    v1::HealthResponse health;
    require(connection_->v1().Health(context.get(), {}, &health), *context);
    options_.origin = node_from(health.node());
  }
  v2::SubscribeRequest request;
  request.set_filter(filter_);
  *request.mutable_start() = wire_start(next_start());
  // Heads count what is stored.
  request.set_stored_only(options_.stored_only || is_head);
  if (options_.origin) node_to(*options_.origin, request.mutable_origin());
  Context context = connection_->context();
  auto reader = connection_->bus().Subscribe(context.get(), request);
  stream_.set(
      std::make_unique<Stream<v2::SubscribeResponse>>(std::move(context), std::move(reader)));
}

Start SubscriptionSource::next_start() {
  if (position_) return *position_;
  // Broken off before there was a position: begin again and leave out what came already.
  if (!is_anew_) {
    for (auto& [key, log] : known_) log->skip_to = log->last_head;
  }
  is_anew_ = false;
  return options_.start;
}

void SubscriptionSource::accept(const v2::SubscribeResponse& response) {
  // The position comes with the last of several responses; in between the sequence of a message is its position
  // as well, but for the last values of a start at Last.
  std::string epoch = position_ ? position_->epoch : "";
  if (response.has_position()) epoch = response.position().epoch();
  const auto* head = std::get_if<AtHead>(&options_.start);
  std::shared_ptr<KnownLog> log;
  for (const v2::Message& wire : response.messages()) {
    // Absent names repeat those of the message before.
    if (!log || !wire.topic().empty() || wire.has_origin()) log = find(log, wire);
    // Head 0: not stored, so it has no place and moves none.
    if (wire.head_id() > 0) {
      const bool is_before = head != nullptr && wire.head_id() < head->head_id;
      if (wire.head_id() <= log->skip_to || is_before) continue;
      log->last_head = wire.head_id();
      log->last_id = wire.id();
      if (!epoch.empty()) position_ = Position{epoch, wire.sequence()};
    }
    Message message;
    message.id = wire.id();
    message.topic = log->topic;
    message.origin = log->origin;
    message.head_id = wire.head_id();
    message.payload = wire.payload();
    message.headers.insert(wire.headers().begin(), wire.headers().end());
    message.created_at_ms = wire.created_at_ms();
    message.deleted = wire.deleted();
    message.position = position_;
    ready_.push_back(std::move(message));
  }
  if (response.has_position()) {
    position_ = Position{response.position().epoch(), response.position().sequence()};
  }
}

std::shared_ptr<KnownLog> SubscriptionSource::find(const std::shared_ptr<KnownLog>& before,
                                                   const v2::Message& wire) {
  const std::string topic = before && wire.topic().empty() ? before->topic : wire.topic();
  const NodeId origin = before && !wire.has_origin() ? before->origin : node_from(wire.origin());
  const auto key = std::make_tuple(topic, origin.tenant_id, origin.bl_name, origin.device_id);
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  auto log = std::make_shared<KnownLog>();
  log->topic = topic;
  log->origin = origin;
  if (known_.size() < most_logs) known_[key] = log;
  return log;
}

/// What follows from a failure: the same, or, when the store was made anew, one after which it goes on.
Error SubscriptionSource::start_anew(const Error& cause) {
  if (cause.reason() != "bad_position" || options_.history_changed == HistoryChange::fail) {
    return cause;
  }
  if (options_.history_changed == HistoryChange::now) {
    options_.start = Now{};
  } else {
    try {
      // A log whose last message is still there goes on behind it, others are new.
      for (auto& [key, log] : known_) {
        const bool is_same = log->last_head > 0 && id_at(*log) == log->last_id;
        log->skip_to = is_same ? log->last_head : 0;
      }
    } catch (const Error& error) {
      return error;
    }
    options_.start = Earliest{};
  }
  position_.reset();
  is_anew_ = true;
  return Error("unavailable", "bad_position", "the daemon's store was made anew");
}

std::string SubscriptionSource::id_at(const KnownLog& log) {
  std::string id;
  fetch_page(*connection_, log.topic, log.origin, log.last_head, 1, [&](const Message& message) {
    if (message.head_id == log.last_head) id = message.id;
  });
  return id;
}

std::shared_ptr<LogReader> SubscriptionSource::read_v1() {
  if (!is_exact(filter_)) throw unsupported("filters with wildcards");
  Start start = options_.start;
  if (std::holds_alternative<Position>(start)) {
    // A place in the commit order of a daemon that spoke v2 says nothing here.
    if (options_.history_changed == HistoryChange::fail) {
      throw Error("failed_precondition", "bad_position",
                  "the position was taken from another daemon than this one, which speaks v1 only");
    }
    if (options_.history_changed == HistoryChange::now) start = Now{};
  }
  LogOptions log;
  log.origin = options_.origin;
  log.reconnect_delay = options_.reconnect_delay;
  if (const auto* head = std::get_if<AtHead>(&start)) log.from_head_id = head->head_id;
  if (std::holds_alternative<Now>(start) || std::holds_alternative<Last>(start)) {
    v1::GetHeadRequest request;
    request.set_topic(filter_);
    if (options_.origin) node_to(*options_.origin, request.mutable_origin());
    const Context context = connection_->context();
    v1::GetHeadResponse response;
    require(connection_->v1().GetHead(context.get(), request, &response), *context);
    log.from_head_id = response.head_id() + (std::holds_alternative<Now>(start) ? 1 : 0);
  }
  return std::make_shared<LogReader>(connection_, filter_, log);
}

}  // namespace msgbus
