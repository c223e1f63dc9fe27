#include "suite.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

bool Suite::is_there() { return std::getenv("MSGBUS_SUITE") != nullptr; }

Suite::Suite() {
  const std::string address = std::getenv("MSGBUS_SUITE");
  const std::size_t colon = address.rfind(':');
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.substr(0, colon).c_str(), address.substr(colon + 1).c_str(), &hints,
                  &found) != 0) {
    throw std::runtime_error("bad address of the sdk-suite: " + address);
  }
  socket_ = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
  const int connected = connect(socket_, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  if (connected != 0) throw std::runtime_error("no sdk-suite at " + address);
}

Suite::~Suite() { close(socket_); }

nlohmann::json Suite::ask(const std::string& command) {
  const std::string line = command + "\n";
  if (send(socket_, line.data(), line.size(), 0) != static_cast<ssize_t>(line.size())) {
    throw std::runtime_error("the sdk-suite is gone");
  }
  while (read_.find('\n') == std::string::npos) {
    char buffer[65536];
    const ssize_t count = recv(socket_, buffer, sizeof buffer, 0);
    if (count <= 0) throw std::runtime_error("the sdk-suite is gone");
    read_.append(buffer, static_cast<std::size_t>(count));
  }
  const std::size_t end = read_.find('\n');
  const nlohmann::json answer = nlohmann::json::parse(read_.substr(0, end));
  read_.erase(0, end + 1);
  if (answer.contains("error")) throw std::runtime_error(command + ": " + answer["error"].dump());
  return answer;
}

nlohmann::json vectors(const std::string& name) {
  std::ifstream file(std::string(VECTORS) + "/" + name);
  return nlohmann::json::parse(file);
}
