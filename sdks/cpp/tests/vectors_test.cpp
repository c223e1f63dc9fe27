// The vectors of ../../vectors, as every SDK runs them; their README.md says what they mean.

#include <gtest/gtest.h>

#include <sstream>

#include "msgbus/client.h"
#include "suite.h"

using nlohmann::json;
using msgbus::Milliseconds;

namespace {

constexpr Milliseconds quick{1};

std::string shown(const msgbus::Message& message) {
  return message.topic + " " + message.origin.device_id + " " + std::to_string(message.head_id) +
         " " + message.payload;
}

std::optional<msgbus::NodeId> node_of(const json& action) {
  if (!action.contains("device")) return std::nullopt;
  return msgbus::NodeId{"tenant", "default", action["device"]};
}

msgbus::Start start_of(const json& from) {
  if (from.is_object()) return msgbus::Position{from["epoch"], from["sequence"]};
  if (from.is_number()) return msgbus::AtHead{from};
  if (from == "now") return msgbus::Now{};
  if (from == "last") return msgbus::Last{};
  return msgbus::Earliest{};
}

void take(msgbus::Feed<msgbus::Message> feed, const json& action, json& outcome) {
  const std::size_t count = action.value("take", std::size_t{1'000'000});
  while (outcome["messages"].size() < count) outcome["messages"].push_back(shown(*feed.next()));
}

void consume(msgbus::Client& client, const json& action, json& outcome) {
  msgbus::ConsumeOptions options;
  options.max_in_flight = 10;
  options.reconnect_delay = quick;
  auto consumer = client.consume(action["queue"], options);
  for (const std::string words : action["settle"]) {
    auto delivery = consumer.next();
    const msgbus::QueueMessage& message = delivery->message();
    outcome["messages"].push_back(message.queue + " " + std::to_string(message.sequence) + " " +
                                  message.payload + " " + std::to_string(message.attempts));
    std::istringstream stream(words);
    std::string verb;
    long number = 0;
    stream >> verb >> number;
    if (verb == "ack") {
      delivery->ack();
    } else if (verb == "release") {
      delivery->release(Milliseconds{number});
    } else {
      delivery->extend(Milliseconds{number});
    }
  }
}

void publish_many(msgbus::Client& client, const json& action, json& outcome) {
  msgbus::PublisherOptions options;
  options.reconnect_delay = quick;
  auto publisher = client.publisher(options);
  std::vector<std::future<msgbus::Receipt>> receipts;
  for (const std::string payload : action["payloads"]) {
    receipts.push_back(publisher.publish({action["topic"], payload}));
  }
  for (auto& receipt : receipts) {
    try {
      outcome["heads"].push_back(receipt.get().head_id);
    } catch (const msgbus::Error&) {
      outcome["heads"].push_back(nullptr);
    }
  }
}

void act(msgbus::Client& client, const json& action, json& outcome) {
  const std::string what = action["do"];
  if (what == "subscribe_log") {
    msgbus::LogOptions options;
    options.origin = node_of(action);
    options.from_head_id = action.value("from", 1);
    options.replay_limit = action.value("replay_limit", 100);
    options.reconnect_delay = quick;
    take(client.subscribe_log(action["topic"], options), action, outcome);
  } else if (what == "subscribe") {
    msgbus::SubscribeOptions options;
    options.start = start_of(action.value("from", json("earliest")));
    options.origin = node_of(action);
    options.reconnect_delay = quick;
    take(client.subscribe(action["filter"], options), action, outcome);
  } else if (what == "fetch") {
    const auto messages =
        client.fetch(action["topic"], action.value("from", 1), action.value("limit", 100));
    for (const auto& message : messages) outcome["messages"].push_back(shown(message));
  } else if (what == "publish") {
    outcome["heads"].push_back(client.publish({action["topic"], action["payload"]}).head_id);
  } else if (what == "publisher") {
    publish_many(client, action, outcome);
  } else if (what == "consume") {
    consume(client, action, outcome);
  } else {
    outcome["answer"] = client.call(action["procedure"], action["payload"]);
  }
}

json run(msgbus::Client& client, const json& action) {
  json outcome = json::object();
  try {
    act(client, action, outcome);
  } catch (const msgbus::CallError& error) {
    outcome["failure"] = {
        {"name", error.name()}, {"message", error.what()}, {"payload", error.payload()}};
  } catch (const msgbus::Error& error) {
    outcome["error"] = {{"code", error.code()}, {"reason", error.reason()}};
  }
  return outcome;
}

/// An empty list and none are the same.
json filled(const json& outcome) {
  json result = json::object();
  for (const auto& [key, value] : outcome.items()) {
    if (!value.empty()) result[key] = value;
  }
  return result;
}

}  // namespace

TEST(Topics, Filters) {
  const json all = vectors("topics.json")["filters"];
  for (const json& vector : all) {
    const std::string filter = vector["filter"];
    if (vector["valid"]) {
      EXPECT_NO_THROW(msgbus::check_filter(filter)) << filter;
    } else {
      EXPECT_THROW(msgbus::check_filter(filter), msgbus::Error) << filter;
    }
  }
}

TEST(Topics, Matches) {
  const json all = vectors("topics.json")["matches"];
  for (const json& vector : all) {
    EXPECT_EQ(msgbus::topic_matches(vector["filter"], vector["topic"]), bool(vector["matches"]))
        << vector;
  }
}

TEST(Errors, CodesAndReasons) {
  NEEDS_SUITE();
  Suite suite;
  msgbus::Client client(suite.address("play v1-fetch"));
  for (const json& vector : vectors("errors.json")) {
    try {
      client.get_head(vector["topic"]);
      ADD_FAILURE() << vector;
    } catch (const msgbus::Error& error) {
      EXPECT_EQ(error.code(), vector["code"]);
      EXPECT_EQ(error.reason(), vector["reason"]);
      EXPECT_EQ(error.retryable(), bool(vector["retryable"]));
    }
  }
}

TEST(Conversations, All) {
  NEEDS_SUITE();
  for (const json& conversation : vectors("conversations.json")) {
    SCOPED_TRACE(conversation["name"]);
    Suite suite;
    const json playing = suite.ask("play " + std::string(conversation["name"]));
    {
      msgbus::Client client(playing["address"].get<std::string>());
      EXPECT_EQ(filled(run(client, conversation["client"])), filled(conversation["expect"]));
    }
    EXPECT_EQ(suite.ask("verdict " + playing["id"].dump())["faults"], json::array());
  }
}
