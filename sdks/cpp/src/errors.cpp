#include "msgbus/errors.h"

namespace msgbus {

Error::Error(std::string code, std::string reason, const std::string& message)
    : std::runtime_error(message), code_(std::move(code)), reason_(std::move(reason)) {}

bool Error::retryable() const {
  return code_ == "unavailable" || code_ == "deadline_exceeded" || code_ == "aborted" ||
         code_ == "cancelled";
}

}  // namespace msgbus
