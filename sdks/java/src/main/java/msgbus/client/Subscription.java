package msgbus.client;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import msgbus.v2.Msgbus.SubscribeRequest;
import msgbus.v2.Msgbus.SubscribeResponse;

/** Every message that a filter matches, of every origin or of one. */
public final class Subscription extends Feed<Message> {
  /** What to do when the daemon's store was made anew. */
  public enum HistoryChange {
    /** Begin at the earliest and leave out what is still the same: nothing is missed. */
    EARLIEST,
    /** Go on with what comes. */
    NOW,
    /** Fail with the reason {@code bad_position}. */
    FAIL
  }

  /**
   * @param origin only messages of this node; null: of every one
   * @param storedOnly leaves out publications that are not stored (head id 0)
   * @param reconnectDelay before the first new attempt; it doubles up to 10 s
   */
  public record Options(
      Start start,
      NodeId origin,
      boolean storedOnly,
      HistoryChange historyChanged,
      Duration reconnectDelay) {
    /** From a start, of every origin. */
    public static Options from(Start start) {
      return new Options(start, null, false, HistoryChange.EARLIEST, ReconnectDelay.USUAL);
    }
  }

  private final MsgbusClient client;
  private final String filter;
  private final Options options;
  private final ReconnectDelay delay;
  private final KnownLogs known = new KnownLogs();
  private final Deque<Message> ready = new ArrayDeque<>();
  private Start start;
  private NodeId origin;
  private Position position;

  /** The store was made anew, and what to leave out is decided already. */
  private boolean isAnew;

  private StreamReader<SubscribeRequest, SubscribeResponse> stream;

  /** Reads instead, when the daemon only speaks v1. */
  private LogReader onV1;

  Subscription(MsgbusClient client, String filter, Options options) {
    TopicFilter.check(filter);
    if (options.start() instanceof Start.AtHead && !TopicFilter.isExact(filter)) {
      String text = "a head id counts in one log: it cannot start the filter \"" + filter + "\"";
      throw new MsgbusException("invalid_argument", "bad_argument", text);
    }
    this.client = client;
    this.filter = filter;
    this.options = options;
    this.start = options.start();
    this.origin = options.origin();
    this.delay = new ReconnectDelay(options.reconnectDelay());
  }

  @Override
  public void close() {
    super.close();
    LogReader reader = onV1;
    if (reader != null) reader.close();
  }

  @Override
  Message read() {
    while (onV1 == null) {
      try {
        while (ready.isEmpty()) readMore();
        return ready.poll();
      } catch (MsgbusException error) {
        stream = null;
        MsgbusException cause = startAnew(error);
        if (cause.isUnsupported()) {
          onV1 = toV1(cause);
        } else if (isClosed() || !client.mayRetry(cause)) {
          throw cause;
        } else {
          delay.pause();
        }
      }
    }
    return onV1.next();
  }

  private void readMore() {
    if (stream == null) stream = open();
    SubscribeResponse response = stream.next();
    if (response == null) throw MsgbusException.ended();
    delay.reset();
    accept(response);
  }

  private StreamReader<SubscribeRequest, SubscribeResponse> open() {
    boolean isHead = start instanceof Start.AtHead;
    // A head id counts in one log: the daemon's own, as in v1.
    if (isHead && origin == null) origin = client.node();
    SubscribeRequest.Builder request =
        SubscribeRequest.newBuilder()
            .setFilter(filter)
            .setStart(nextStart().toWire())
            // Heads count what is stored.
            .setStoredOnly(options.storedOnly() || isHead);
    if (origin != null) request.setOrigin(origin.toV2());
    return use(StreamReader.open(reader -> client.bus().subscribe(request.build(), reader)));
  }

  private Start nextStart() {
    if (position != null) return Start.after(position);
    // Broken off before there was a position: begin again and leave out what came already.
    if (isAnew) isAnew = false;
    else known.skipSeen();
    return start;
  }

  private void accept(SubscribeResponse response) {
    // The position comes with the last of several responses; in between the sequence of a message is its position
    // as well, but for the last values of a start at LAST.
    String epoch = position == null ? "" : position.epoch();
    if (response.hasPosition()) epoch = response.getPosition().getEpoch();
    long first = start instanceof Start.AtHead head ? head.headId() : 0;
    KnownLogs.Log log = null;
    for (msgbus.v2.Msgbus.Message wire : response.getMessagesList()) {
      // Absent names repeat those of the message before.
      if (log == null || !wire.getTopic().isEmpty() || wire.hasOrigin()) {
        log = known.find(log, wire);
      }
      long headId = wire.getHeadId();
      // Head 0: not stored, so it has no place and moves none.
      if (headId > 0) {
        if (headId <= log.skipTo || headId < first) continue;
        log.lastHead = headId;
        log.lastId = wire.getId();
        if (!epoch.isEmpty()) position = new Position(epoch, wire.getSequence());
      }
      ready.add(
          new Message(
              wire.getId(),
              log.topic,
              log.origin,
              headId,
              wire.getPayload(),
              wire.getHeadersMap(),
              wire.getCreatedAtMs(),
              wire.getDeleted(),
              position));
    }
    if (response.hasPosition()) {
      position =
          new Position(response.getPosition().getEpoch(), response.getPosition().getSequence());
    }
  }

  /** What follows from a failure: the same, or, when the store was made anew, one after which it goes on. */
  private MsgbusException startAnew(MsgbusException cause) {
    if (!cause.reason().equals("bad_position")
        || options.historyChanged() == HistoryChange.FAIL
        || isClosed()) {
      return cause;
    }
    if (options.historyChanged() == HistoryChange.NOW) {
      start = Start.NOW;
    } else {
      try {
        known.skipConfirmed(this::idAt);
      } catch (MsgbusException error) {
        return error;
      }
      start = Start.EARLIEST;
    }
    position = null;
    isAnew = true;
    String text = "the daemon's store was made anew";
    return new MsgbusException("unavailable", "bad_position", text, cause);
  }

  private String idAt(KnownLogs.Log log) {
    List<Message> found = client.fetch(log.topic, log.origin, log.lastHead, 1);
    boolean isThere = !found.isEmpty() && found.get(0).headId() == log.lastHead;
    return isThere ? found.get(0).id() : "";
  }

  private LogReader toV1(MsgbusException cause) {
    if (!TopicFilter.isExact(filter)) {
      throw MsgbusException.unsupported("filters with wildcards", cause);
    }
    Start from = start;
    if (from instanceof Start.After) {
      // A place in the commit order of a daemon that spoke v2 says nothing here.
      if (options.historyChanged() == HistoryChange.FAIL) {
        String text =
            "the position was taken from another daemon than this one, which speaks v1 only";
        throw new MsgbusException("failed_precondition", "bad_position", text);
      }
      from = options.historyChanged() == HistoryChange.NOW ? Start.NOW : Start.EARLIEST;
    }
    long head = 1;
    if (from instanceof Start.AtHead at) head = at.headId();
    if (from == Start.NOW || from == Start.LAST) {
      long last = client.getHead(filter, origin).orElse(0);
      head = from == Start.NOW ? last + 1 : last;
    }
    return new LogReader(client, filter, origin, head, MsgbusClient.REPLAY_LIMIT, delay);
  }
}
