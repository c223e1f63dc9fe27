#include <grpcpp/grpcpp.h>

#include <chrono>
#include <thread>

#include "backlog.h"
#include "connection.h"

namespace msgbus {
namespace {

constexpr std::uint32_t unavailable = 14;

/// Failures of a stream that may be the fault of one of its messages.
bool may_be_of_a_message(const Error& error) {
  const std::string& code = error.code();
  return code == "invalid_argument" || code == "resource_exhausted" || code == "out_of_range" ||
         code == "internal" || code == "unknown";
}

std::size_t bytes_of(const OutgoingMessage& message) {
  std::size_t bytes = message.payload.size();
  for (const auto& [name, value] : message.headers) bytes += name.size() + value.size();
  return bytes;
}

v2::PublishStreamRequest wire_of(const Batch& batch) {
  v2::PublishStreamRequest request;
  request.set_batch_id(batch.id);
  std::string topic;
  for (const auto& entry : batch.entries) {
    v2::OutgoingMessage* wire = request.add_messages();
    // Absent: that of the message before.
    if (entry->message.topic != topic) wire->set_topic(entry->message.topic);
    topic = entry->message.topic;
    wire->set_payload(entry->message.payload);
    wire->mutable_headers()->insert(entry->message.headers.begin(), entry->message.headers.end());
    wire->set_publish_id(entry->message.publish_id);
  }
  return request;
}

}  // namespace

class Publisher::Work {
 public:
  Work(std::shared_ptr<Connection> connection, const PublisherOptions& options)
      : connection_(std::move(connection)),
        options_(options),
        backlog_(options),
        delay_(options.reconnect_delay),
        thread_([this] { run(); }) {}

  std::future<Receipt> publish(OutgoingMessage message) {
    auto entry = std::make_shared<Entry>();
    entry->bytes = bytes_of(message);
    if (message.publish_id.empty()) message.publish_id = ids_.next();
    entry->message = std::move(message);
    std::future<Receipt> receipt = entry->receipt.get_future();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_closing_ || backlog_.has_room(entry->bytes); });
    if (is_closing_) throw Error("cancelled", "cancelled", "the publisher is closed");
    backlog_.add(std::move(entry));
    changed_.notify_all();
    return receipt;
  }

  void flush() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return backlog_.is_empty() || is_ended_; });
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      is_closing_ = true;
      changed_.notify_all();
    }
    flush();
    {
      const std::lock_guard lock(mutex_);
      is_ended_ = true;
      if (context_ != nullptr) context_->TryCancel();
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  using Call = grpc::ClientReaderWriter<v2::PublishStreamRequest, v2::PublishStreamResponse>;

  void run() {
    bool is_singly = false;
    while (wait_for_messages()) {
      try {
        if (is_singly) {
          deliver_singly();
        } else {
          deliver_by_stream();
        }
      } catch (const Error& error) {
        std::size_t unanswered = 0;
        {
          const std::lock_guard lock(mutex_);
          unanswered = backlog_.put_back();
          if (is_ended_) break;
        }
        if (error.unsupported()) {
          is_singly = true;
        } else {
          recover(error, unanswered);
        }
      }
    }
    give_up(all, Error("cancelled", "cancelled", "the publisher is closed"));
  }

  /// False when it ends.
  bool wait_for_messages() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_ended_ || backlog_.has_waiting(); });
    return !is_ended_;
  }

  void deliver_by_stream() {
    const Context context = connection_->context();
    const std::shared_ptr<Call> call = connection_->bus().PublishStream(context.get());
    {
      const std::lock_guard lock(mutex_);
      context_ = context.get();
      is_broken_ = false;
      if (is_ended_) context->TryCancel();
    }
    std::thread writer([this, call] {
      while (const auto batch = next_batch()) {
        if (!call->Write(wire_of(*batch))) break;
      }
    });
    std::optional<Error> failure;
    v2::PublishStreamResponse response;
    try {
      while (call->Read(&response)) settle(response);
    } catch (const Error& error) {
      failure = error;
    }
    context->TryCancel();
    {
      const std::lock_guard lock(mutex_);
      context_ = nullptr;
      is_broken_ = true;
      changed_.notify_all();
    }
    writer.join();
    const grpc::Status status = call->Finish();
    if (failure) throw *failure;
    require(status, *context);
    throw ended();
  }

  /// Waits until there is one to send; empty when the stream is over.
  std::shared_ptr<Batch> next_batch() {
    std::unique_lock lock(mutex_);
    std::shared_ptr<Batch> batch;
    changed_.wait(lock, [&] {
      if (is_ended_ || is_broken_) return true;
      batch = backlog_.next_batch();
      return batch != nullptr;
    });
    return batch;
  }

  void settle(const v2::PublishStreamResponse& response) {
    // A daemon that starts or stops refuses for now; the whole batch is tried again.
    for (const v2::PublishResult& result : response.results()) {
      if (result.has_refusal() && result.refusal().code() == unavailable) {
        throw error_of(result.refusal());
      }
    }
    std::shared_ptr<Batch> batch;
    {
      const std::lock_guard lock(mutex_);
      batch = backlog_.oldest();
    }
    const auto count = static_cast<std::size_t>(response.results_size());
    if (!batch || batch->id != response.batch_id() || batch->entries.size() != count) {
      throw Error("internal", "undecodable", "the daemon answered another batch than it got");
    }
    delay_.reset();
    failing_since_.reset();
    for (int i = 0; i < response.results_size(); ++i) {
      const v2::PublishResult& result = response.results(i);
      std::promise<Receipt>& receipt = batch->entries[static_cast<std::size_t>(i)]->receipt;
      if (result.has_refusal()) {
        receipt.set_exception(std::make_exception_ptr(error_of(result.refusal())));
      } else {
        receipt.set_value(
            {result.head_id(), result.id(), result.created_at_ms(), result.duplicate()});
      }
    }
    const std::lock_guard lock(mutex_);
    backlog_.answered();
    changed_.notify_all();
  }

  /// For daemons without the stream.
  void deliver_singly() {
    {
      const std::lock_guard lock(mutex_);
      is_broken_ = false;
    }
    while (const auto batch = next_batch()) {
      for (const auto& entry : batch->entries) {
        try {
          OutgoingMessage message = entry->message;
          message.publish_id.clear();
          const Message stored = connection_->publish_once(message);
          entry->receipt.set_value({stored.head_id, stored.id, stored.created_at_ms, false});
        } catch (const Error& error) {
          entry->receipt.set_exception(std::make_exception_ptr(error));
        }
      }
      const std::lock_guard lock(mutex_);
      backlog_.answered();
      changed_.notify_all();
    }
  }

  void recover(const Error& error, std::size_t unanswered) {
    if (!connection_->may_retry(error)) {
      // Whom a final error concerns: one message, if it came while messages were unanswered.
      if (may_be_of_a_message(error) && unanswered > 1) {
        const std::lock_guard lock(mutex_);
        backlog_.be_careful(unanswered);
        return;
      }
      give_up(may_be_of_a_message(error) && unanswered == 1 ? 1 : all, error);
      return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (!failing_since_) failing_since_ = now;
    if (now - *failing_since_ >= options_.give_up_after) {
      failing_since_.reset();
      delay_.reset();
      give_up(all, error);
      return;
    }
    delay_.wait(*connection_);
  }

  void give_up(std::size_t count, const Error& error) {
    const std::lock_guard lock(mutex_);
    for (const auto& entry : backlog_.drop(count)) {
      entry->receipt.set_exception(std::make_exception_ptr(error));
    }
    changed_.notify_all();
  }

  static constexpr std::size_t all = static_cast<std::size_t>(-1);

  std::shared_ptr<Connection> connection_;
  PublisherOptions options_;
  PublishIds ids_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Backlog backlog_;
  bool is_closing_ = false;
  bool is_ended_ = false;
  bool is_broken_ = false;
  grpc::ClientContext* context_ = nullptr;
  /// Only of the thread.
  ReconnectDelay delay_;
  std::optional<std::chrono::steady_clock::time_point> failing_since_;
  /// Last: it uses all of the above.
  std::thread thread_;
};

Publisher::Publisher(std::shared_ptr<Connection> connection, PublisherOptions options)
    : work_(std::make_unique<Work>(std::move(connection), options)) {}

Publisher::Publisher(Publisher&&) noexcept = default;

Publisher::~Publisher() {
  if (work_) work_->close();
}

std::future<Receipt> Publisher::publish(OutgoingMessage message) {
  return work_->publish(std::move(message));
}

void Publisher::flush() { work_->flush(); }

void Publisher::close() { work_->close(); }

}  // namespace msgbus
