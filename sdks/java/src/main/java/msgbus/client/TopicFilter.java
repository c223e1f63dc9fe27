package msgbus.client;

/** Filters: {@code +} is one level, a trailing {@code #} the rest and the parent, as in MQTT. */
public final class TopicFilter {
  private TopicFilter() {}

  /**
   * @throws MsgbusException {@code invalid_argument/bad_filter} for what is no well formed filter
   */
  public static void check(String filter) {
    if (filter.isEmpty()) throw bad(filter, "it is empty");
    if (filter.indexOf('\0') != -1) throw bad(filter, "it contains U+0000");
    String[] levels = filter.split("/", -1);
    for (int i = 0; i < levels.length; i++) {
      String level = levels[i];
      if (level.contains("#") && !(level.equals("#") && i == levels.length - 1)) {
        throw bad(filter, "'#' must be the whole last level");
      }
      if (level.contains("+") && !level.equals("+")) {
        throw bad(filter, "'+' must be a whole level");
      }
    }
  }

  /** Whether a well formed filter matches a topic; a leading wildcard matches nothing below {@code $}. */
  public static boolean matches(String filter, String topic) {
    String[] pattern = filter.split("/", -1);
    String[] levels = topic.split("/", -1);
    if (topic.startsWith("$") && (pattern[0].equals("+") || pattern[0].equals("#"))) return false;
    for (int i = 0; i < pattern.length; i++) {
      if (pattern[i].equals("#")) return true;
      if (i >= levels.length) return false;
      if (!pattern[i].equals("+") && !pattern[i].equals(levels[i])) return false;
    }
    return pattern.length == levels.length;
  }

  static boolean isExact(String filter) {
    return filter.indexOf('+') == -1 && filter.indexOf('#') == -1;
  }

  private static MsgbusException bad(String filter, String why) {
    String text = "topic filter \"" + filter + "\": " + why;
    return new MsgbusException("invalid_argument", "bad_filter", text);
  }
}
