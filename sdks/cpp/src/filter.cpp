#include "msgbus/filter.h"

#include <vector>

#include "msgbus/errors.h"

namespace msgbus {
namespace {

std::vector<std::string> levels_of(const std::string& text) {
  std::vector<std::string> levels;
  std::size_t from = 0;
  for (std::size_t to = text.find('/'); to != std::string::npos; to = text.find('/', from)) {
    levels.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  levels.push_back(text.substr(from));
  return levels;
}

}  // namespace

void check_filter(const std::string& filter) {
  const auto bad = [&filter](const std::string& why) {
    return Error("invalid_argument", "bad_filter", "topic filter \"" + filter + "\": " + why);
  };
  if (filter.empty()) throw bad("it is empty");
  if (filter.find('\0') != std::string::npos) throw bad("it contains U+0000");
  const std::vector<std::string> levels = levels_of(filter);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const std::string& level = levels[i];
    if (level.find('#') != std::string::npos && !(level == "#" && i + 1 == levels.size())) {
      throw bad("'#' must be the whole last level");
    }
    if (level.find('+') != std::string::npos && level != "+") {
      throw bad("'+' must be a whole level");
    }
  }
}

bool topic_matches(const std::string& filter, const std::string& topic) {
  const std::vector<std::string> pattern = levels_of(filter);
  const std::vector<std::string> levels = levels_of(topic);
  if (!topic.empty() && topic[0] == '$' && (pattern[0] == "+" || pattern[0] == "#")) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == "#") return true;
    if (i >= levels.size() || (pattern[i] != "+" && pattern[i] != levels[i])) return false;
  }
  return pattern.size() == levels.size();
}

}  // namespace msgbus
