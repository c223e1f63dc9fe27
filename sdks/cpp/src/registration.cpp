#include <grpcpp/grpcpp.h>

#include <future>
#include <thread>

#include "connection.h"

namespace msgbus {
namespace {

constexpr std::uint32_t internal = 13;

v2::CallAnswer answer_to(const v2::Invocation& invocation, const CallHandler& handler) {
  v2::CallAnswer answer;
  answer.set_id(invocation.id());
  try {
    const IncomingCall call{invocation.procedure(), invocation.payload(),
                            Headers(invocation.headers().begin(), invocation.headers().end()),
                            invocation.caller()};
    answer.mutable_result()->set_payload(handler(call));
  } catch (const CallError& error) {
    v2::CallFailure* failure = answer.mutable_failure();
    failure->set_name(error.name());
    failure->set_message(error.what());
    failure->set_payload(error.payload());
  } catch (const std::exception& error) {
    v2::Refusal* refusal = answer.mutable_refusal();
    refusal->set_code(internal);
    refusal->set_reason("application_error");
    refusal->set_message(error.what());
  }
  return answer;
}

}  // namespace

class Registration::Work {
 public:
  Work(std::shared_ptr<Connection> connection, std::string procedure, CallHandler handler)
      : connection_(std::move(connection)),
        procedure_(std::move(procedure)),
        handler_(std::move(handler)),
        thread_([this] { run(); }) {}

  ~Work() {
    {
      const std::lock_guard lock(mutex_);
      is_closed_ = true;
      if (context_ != nullptr) context_->TryCancel();
    }
    thread_.join();
  }

  /// Throws why it is not registered.
  void wait() { registered_.get_future().get(); }

 private:
  void run() {
    bool was_registered = false;
    while (true) {
      try {
        serve(was_registered);
      } catch (const Error& error) {
        if (!was_registered) {
          const Error cause = error.unsupported() ? unsupported("procedures") : error;
          registered_.set_exception(std::make_exception_ptr(cause));
          return;
        }
        // A procedure that is taken is most often held by our own old stream.
        const bool is_own = error.reason() == "procedure_taken";
        if (is_closed() || (!connection_->may_retry(error) && !is_own)) return;
        delay_.wait(*connection_);
      }
    }
  }

  bool is_closed() {
    const std::lock_guard lock(mutex_);
    return is_closed_;
  }

  void serve(bool& was_registered) {
    const Context context = connection_->context();
    {
      const std::lock_guard lock(mutex_);
      context_ = context.get();
      if (is_closed_) context->TryCancel();
    }
    const auto call = connection_->clients().Register(context.get());
    v2::RegisterRequest request;
    request.mutable_registration()->add_procedures(procedure_);
    call->Write(request);
    v2::RegisterResponse response;
    while (call->Read(&response)) {
      if (response.has_registered()) {
        delay_.reset();
        if (!was_registered) registered_.set_value();
        was_registered = true;
      }
      for (const v2::Invocation& invocation : response.invocations()) {
        v2::RegisterRequest answers;
        *answers.add_answers() = answer_to(invocation, handler_);
        call->Write(answers);
      }
    }
    {
      const std::lock_guard lock(mutex_);
      context_ = nullptr;
    }
    require(call->Finish(), *context);
    throw ended();
  }

  std::shared_ptr<Connection> connection_;
  std::string procedure_;
  CallHandler handler_;
  ReconnectDelay delay_{usual_reconnect_delay};
  std::promise<void> registered_;
  std::mutex mutex_;
  bool is_closed_ = false;
  grpc::ClientContext* context_ = nullptr;
  /// Last: it uses all of the above.
  std::thread thread_;
};

Registration::Registration(std::shared_ptr<Connection> connection, std::string procedure,
                           CallHandler handler)
    : work_(std::make_unique<Work>(std::move(connection), std::move(procedure),
                                   std::move(handler))) {
  work_->wait();
}

Registration::Registration(Registration&&) noexcept = default;

Registration::~Registration() = default;

}  // namespace msgbus
