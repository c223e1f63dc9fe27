// A thermometer and whoever is interested in it, in one program: thermometer [address]

#include <iostream>
#include <random>

#include "msgbus/client.h"

int main(int argc, char** argv) {
  msgbus::Client bus(argc > 1 ? argv[1] : "127.0.0.1:50051");
  try {
    const auto before = bus.publish({"hall/temperature", "20.0"}).head_id;
    {
      std::minstd_rand random{std::random_device{}()};
      std::uniform_real_distribution<double> degrees(20, 21);
      auto publisher = bus.publisher();
      for (int i = 0; i < 5; ++i) {
        publisher.publish({"hall/temperature", std::to_string(degrees(random)).substr(0, 4)});
      }
    }
    msgbus::SubscribeOptions options;
    options.start = msgbus::AtHead{before};
    auto messages = bus.subscribe("hall/temperature", options);
    for (int i = 0; i < 6; ++i) {
      const auto message = messages.next();
      std::cout << message->topic << " #" << message->head_id << " " << message->payload << "\n";
    }
  } catch (const msgbus::Error& error) {
    std::cerr << error.code() << ": " << error.what() << "\n";
    return 1;
  }
}
