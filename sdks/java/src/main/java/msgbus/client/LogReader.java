package msgbus.client;

import java.util.ArrayDeque;
import java.util.Deque;
import msgbus.v1.Msgbus.FetchRequest;
import msgbus.v1.Msgbus.FetchResponse;
import msgbus.v1.Msgbus.SubscribeRequest;
import msgbus.v1.Msgbus.SubscribeResponse;

/** One log, read by msgbus.v1: what is stored, then what comes. */
final class LogReader extends Feed<Message> {
  /** Few enough to be answered quickly, and many enough to make the calls cheap. */
  private static final int PAGE_MESSAGES = 1000;

  private final MsgbusClient client;
  private final String topic;
  private final NodeId origin;
  private final int replayLimit;
  private final ReconnectDelay delay;

  /** The head to deliver next. */
  private long next;

  private final Deque<Message> ready = new ArrayDeque<>();
  private boolean isCaughtUp;
  private StreamReader<SubscribeRequest, SubscribeResponse> live;

  LogReader(
      MsgbusClient client,
      String topic,
      NodeId origin,
      long fromHeadId,
      int replayLimit,
      ReconnectDelay delay) {
    this.client = client;
    this.topic = topic;
    this.origin = origin;
    this.next = Math.max(1, fromHeadId);
    this.replayLimit = replayLimit;
    this.delay = delay;
  }

  @Override
  Message read() {
    while (true) {
      try {
        while (ready.isEmpty()) readMore();
        delay.reset();
        Message message = ready.poll();
        // Below: repeated by the daemon, or fetched already.
        if (message.headId() < next) continue;
        next = message.headId() + 1;
        return message;
      } catch (MsgbusException error) {
        isCaughtUp = false;
        live = null;
        if (isClosed() || !client.mayRetry(error)) throw error;
        delay.pause();
      }
    }
  }

  private void readMore() {
    if (!isCaughtUp) {
      // What is stored is fetched page by page, since older daemons cut the replay.
      isCaughtUp = fetch(next, PAGE_MESSAGES) < PAGE_MESSAGES;
      return;
    }
    if (live == null) {
      SubscribeRequest.Builder request =
          SubscribeRequest.newBuilder()
              .setTopic(topic)
              .setFromHeadId(next)
              .setReplayLimit(replayLimit);
      if (origin != null) request.setOrigin(origin.toV1());
      live = use(StreamReader.open(reader -> client.v1().subscribe(request.build(), reader)));
    }
    SubscribeResponse response = live.next();
    if (response == null) throw MsgbusException.ended();
    if (!response.hasMessage()) throw MsgbusException.withoutMessage();
    Message message = Message.from(response.getMessage());
    long from = next;
    // What cannot be fetched is gone; waiting for it would stop here for good.
    while (from < message.headId()) {
      int limit = (int) Math.min(PAGE_MESSAGES, message.headId() - from);
      if (fetch(from, limit) == 0) break;
      from = ready.peekLast().headId() + 1;
    }
    ready.add(message);
  }

  /** How many came. */
  private int fetch(long from, int limit) {
    FetchRequest request = client.fetchRequest(topic, origin, from, limit);
    int count = 0;
    try (StreamReader<FetchRequest, FetchResponse> page =
        use(StreamReader.open(reader -> client.v1().fetch(request, reader)))) {
      for (FetchResponse got = page.next(); got != null; got = page.next()) {
        if (!got.hasMessage()) throw MsgbusException.withoutMessage();
        ready.add(Message.from(got.getMessage()));
        count++;
      }
    }
    return count;
  }
}
