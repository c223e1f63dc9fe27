// Against a real daemon, which is killed at times.

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "msgbus/client.h"
#include "suite.h"

using nlohmann::json;
using msgbus::Milliseconds;

namespace {

/// Everyday figures are small; the large ones are 20 kills during 100,000 messages.
int setting(const char* name, int usual) {
  const char* value = std::getenv(name);
  return value == nullptr ? usual : std::atoi(value);
}

}  // namespace

TEST(Daemon, Names) {
  NEEDS_SUITE();
  Suite suite;
  msgbus::Client client(suite.address("daemon --storage memory"));
  const json all = vectors("topics.json")["names"];
  for (const json& vector : all) {
    const std::string name = vector["name"];
    if (vector["valid"]) {
      EXPECT_NO_THROW(client.publish({name, ""})) << name;
      continue;
    }
    try {
      client.publish({name, ""});
      ADD_FAILURE() << name;
    } catch (const msgbus::Error& error) {
      EXPECT_EQ(error.code(), "invalid_argument") << name;
      EXPECT_EQ(error.reason(), vector["reason"]) << name;
    }
  }
}

TEST(Daemon, WhatIsPublishedComes) {
  NEEDS_SUITE();
  Suite suite;
  msgbus::Client client(suite.address("daemon --storage memory"));
  for (int i = 0; i < 3; ++i) client.publish({"t/" + std::to_string(i), "m" + std::to_string(i)});
  auto all = client.subscribe("t/+");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(all.next()->payload, "m" + std::to_string(i));
  client.publish({"t/live", "live"});
  const auto last = all.next();
  EXPECT_EQ(last->payload, "live");
  msgbus::SubscribeOptions behind;
  behind.start = *last->position;
  auto next = client.subscribe("t/#", behind);
  client.publish({"t/next", ""});
  EXPECT_EQ(next.next()->topic, "t/next");
  EXPECT_EQ(client.list_heads().size(), 5U);
}

TEST(Daemon, AFeedThatIsClosedEnds) {
  NEEDS_SUITE();
  Suite suite;
  msgbus::Client client(suite.address("daemon --storage memory"));
  auto feed = client.subscribe("t/+");
  auto waiting = std::async(std::launch::async, [&feed] { return feed.next(); });
  feed.close();
  EXPECT_FALSE(waiting.get().has_value());
}

TEST(Daemon, AQueueIsShared) {
  NEEDS_SUITE();
  Suite suite;
  msgbus::Client client(suite.address("daemon --storage memory"));
  client.enqueue("jobs", "one");
  client.enqueue("jobs", "two");
  msgbus::ConsumeOptions options;
  options.max_in_flight = 2;
  auto consumer = client.consume("jobs", options);
  auto first = consumer.next();
  auto second = consumer.next();
  EXPECT_TRUE(first->ack());
  EXPECT_TRUE(second->release());
  auto again = consumer.next();
  EXPECT_EQ(again->message().payload, "two");
  EXPECT_EQ(again->message().attempts, 1U);
  EXPECT_TRUE(again->ack());
  EXPECT_FALSE(client.peek_fifo("jobs").has_value());
}

TEST(Daemon, AProcedureAnswersAndFailsInItsWords) {
  NEEDS_SUITE();
  Suite suite;
  msgbus::Client client(suite.address("daemon --storage memory"));
  const auto registration =
      client.register_procedure("echo", [](const msgbus::IncomingCall& call) {
        if (call.payload == "fail") throw msgbus::CallError("com.example.no", "not today", "later");
        return "you said " + call.payload;
      });
  EXPECT_EQ(client.call("echo", "hello"), "you said hello");
  try {
    client.call("echo", "fail");
    ADD_FAILURE();
  } catch (const msgbus::CallError& error) {
    EXPECT_EQ(error.name(), "com.example.no");
    EXPECT_EQ(error.payload(), "later");
  }
}

TEST(Daemon, EachMessageOnceAndInOrderOverKills) {
  NEEDS_SUITE();
  const int messages = setting("MSGBUS_SDK_MESSAGES", 3000);
  const int every = messages / setting("MSGBUS_SDK_KILLS", 3);
  Suite suite;
  const json started = suite.ask("daemon");
  msgbus::Client client(started["address"].get<std::string>());
  std::thread reading([&client, messages] {
    msgbus::SubscribeOptions options;
    options.reconnect_delay = Milliseconds{10};
    auto feed = client.subscribe("t", options);
    for (int i = 0; i < messages; ++i) {
      const auto message = feed.next();
      ASSERT_EQ(message->head_id, static_cast<std::uint64_t>(i) + 1);
      ASSERT_EQ(message->payload, std::to_string(i));
    }
  });
  {
    msgbus::PublisherOptions options;
    options.reconnect_delay = Milliseconds{10};
    auto publisher = client.publisher(options);
    for (int i = 0; i < messages; ++i) {
      if (i % every == every / 2) suite.ask("kill " + started["id"].dump());
      publisher.publish({"t", std::to_string(i)});
    }
  }
  reading.join();
}
