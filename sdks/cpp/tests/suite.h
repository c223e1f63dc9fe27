// One connection to the sdk-suite (sdks/suite/README.md).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

class Suite {
 public:
  /// Whether there is one: scripts/sdk.mjs starts it.
  static bool is_there();

  Suite();
  ~Suite();
  Suite(const Suite&) = delete;
  Suite& operator=(const Suite&) = delete;

  nlohmann::json ask(const std::string& command);
  /// The address of what it plays or starts now.
  std::string address(const std::string& command) { return ask(command)["address"]; }

 private:
  int socket_;
  std::string read_;
};

nlohmann::json vectors(const std::string& name);

#define NEEDS_SUITE() \
  if (!Suite::is_there()) GTEST_SKIP() << "no sdk-suite: run the tests with `npm run sdk -- cpp`"
