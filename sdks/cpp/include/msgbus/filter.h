// Topic filters: '+' is one level, a trailing '#' the rest and the parent, as in MQTT.
#pragma once

#include <string>

namespace msgbus {

/// Throws Error invalid_argument/bad_filter for what is no well formed filter.
void check_filter(const std::string& filter);

/// Whether a well formed filter matches a topic; a leading wildcard matches nothing below '$'.
bool topic_matches(const std::string& filter, const std::string& topic);

}  // namespace msgbus
