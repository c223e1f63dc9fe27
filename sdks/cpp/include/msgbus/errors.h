// What calls fail with.
#pragma once

#include <stdexcept>
#include <string>

namespace msgbus {

/// A failure that the daemon, or the way to it, answered with.
class Error : public std::runtime_error {
 public:
  Error(std::string code, std::string reason, const std::string& message);

  /// What programs branch on: the gRPC status in lower case, such as "not_found".
  const std::string& code() const { return code_; }
  /// A stable word, such as "reserved_topic".
  const std::string& reason() const { return reason_; }
  /// Whether the same again may work.
  bool retryable() const;
  /// Whether the daemon does not know the call, as opposed to nobody having a procedure.
  bool unsupported() const { return code_ == "unimplemented" && reason_ == "unsupported"; }

 private:
  std::string code_;
  std::string reason_;
};

/// An error of the application behind a call, in its own words. Handlers throw one, callers get it.
class CallError : public std::runtime_error {
 public:
  CallError(std::string name, const std::string& message, std::string payload = {})
      : std::runtime_error(message), name_(std::move(name)), payload_(std::move(payload)) {}

  /// What programs branch on, such as "com.example.no_such_room".
  const std::string& name() const { return name_; }
  const std::string& payload() const { return payload_; }

 private:
  std::string name_;
  std::string payload_;
};

}  // namespace msgbus
