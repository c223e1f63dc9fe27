package msgbus

import (
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
)

// CheckFilter returns nil for a well formed topic filter: '+' is one level, a trailing '#' the rest and the parent,
// as in MQTT. A topic without wildcards is a filter that matches itself.
func CheckFilter(filter string) error {
	bad := func(why string) error {
		return newError(codes.InvalidArgument, "bad_filter", "topic filter "+strconv.Quote(filter)+": "+why)
	}
	if filter == "" {
		return bad("it is empty")
	}
	if strings.Contains(filter, "\x00") {
		return bad("it contains U+0000")
	}
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		if strings.Contains(level, "#") && (level != "#" || i != len(levels)-1) {
			return bad("'#' must be the whole last level")
		}
		if strings.Contains(level, "+") && level != "+" {
			return bad("'+' must be a whole level")
		}
	}
	return nil
}

// TopicMatches tells whether a well formed filter matches a topic. Levels are compared byte for byte; a
// leading wildcard matches no topic that begins with '$'.
func TopicMatches(filter, topic string) bool {
	pattern, levels := strings.Split(filter, "/"), strings.Split(topic, "/")
	if strings.HasPrefix(topic, "$") && (pattern[0] == "+" || pattern[0] == "#") {
		return false
	}
	for i, want := range pattern {
		if want == "#" {
			return true
		}
		if i >= len(levels) || (want != "+" && want != levels[i]) {
			return false
		}
	}
	return len(pattern) == len(levels)
}

func isExact(filter string) bool { return !strings.ContainsAny(filter, "+#") }
