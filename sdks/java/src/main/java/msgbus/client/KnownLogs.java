package msgbus.client;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import msgbus.v2.Msgbus;

/** What a subscription remembers of each log, so that a start from another place repeats nothing. */
final class KnownLogs {
  /** Beyond it logs are served, but not remembered. */
  private static final int MOST_LOGS = 100_000;

  private record Key(String topic, NodeId origin) {}

  static final class Log {
    final String topic;
    final NodeId origin;
    long lastHead;
    String lastId = "";

    /** Messages up to this head came before and are left out. */
    long skipTo;

    Log(String topic, NodeId origin) {
      this.topic = topic;
      this.origin = origin;
    }
  }

  private final Map<Key, Log> logs = new HashMap<>();

  /** The log of a message, whose absent names are those of the log before. */
  Log find(Log before, Msgbus.Message wire) {
    String topic = before != null && wire.getTopic().isEmpty() ? before.topic : wire.getTopic();
    NodeId origin =
        before != null && !wire.hasOrigin() ? before.origin : NodeId.from(wire.getOrigin());
    Key key = new Key(topic, origin);
    Log log = logs.get(key);
    if (log == null) {
      log = new Log(topic, origin);
      if (logs.size() < MOST_LOGS) logs.put(key, log);
    }
    return log;
  }

  /** For the same store and another start: nothing seen comes again. */
  void skipSeen() {
    for (Log log : logs.values()) log.skipTo = log.lastHead;
  }

  /** For another store: a log whose last message is still there goes on behind it, others are new. */
  void skipConfirmed(Function<Log, String> idAt) {
    for (Log log : logs.values()) {
      log.skipTo = 0;
      if (log.lastHead > 0 && idAt.apply(log).equals(log.lastId)) log.skipTo = log.lastHead;
    }
  }
}
