package msgbus.client;

import msgbus.v2.Msgbus;

/** Where a subscription begins. */
public sealed interface Start {
  /** Everything stored. */
  Start EARLIEST = new Named("earliest");

  /** What is stored from now on. */
  Start NOW = new Named("now");

  /** The newest message of each matching log, then what comes. */
  Start LAST = new Named("last");

  /** From a head id of one log on: only for filters without wildcards. */
  static Start atHead(long headId) {
    return new AtHead(Math.max(1, headId));
  }

  /** What follows a position. */
  static Start after(Position position) {
    return position.epoch().isEmpty() ? atHead(position.sequence() + 1) : new After(position);
  }

  record Named(String name) implements Start {}

  record AtHead(long headId) implements Start {}

  record After(Position position) implements Start {}

  /** As the daemon reads it. */
  default Msgbus.Start toWire() {
    Msgbus.Start.Builder wire = Msgbus.Start.newBuilder();
    if (this instanceof AtHead head) {
      wire.setHeadId(head.headId());
    } else if (this instanceof After after) {
      Position position = after.position();
      wire.setAfter(
          Msgbus.Position.newBuilder().setEpoch(position.epoch()).setSequence(position.sequence()));
    } else if (this == NOW) {
      wire.setNow(Msgbus.Now.getDefaultInstance());
    } else if (this == LAST) {
      wire.setLast(Msgbus.Last.getDefaultInstance());
    } else {
      wire.setEarliest(Msgbus.Earliest.getDefaultInstance());
    }
    return wire.build();
  }
}
