package msgbus.client;

import io.grpc.stub.ClientCallStreamObserver;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import msgbus.v2.Msgbus;
import msgbus.v2.Msgbus.PublishResult;
import msgbus.v2.Msgbus.PublishStreamRequest;
import msgbus.v2.Msgbus.PublishStreamResponse;

/**
 * Publishes many messages with few frames. Batches clock themselves: what is published while batches are on their way goes with the
 * next one. What has no answer when the connection breaks is sent again with the same publish ids: no loss, no repetition, same
 * order. A daemon that only speaks v1 gets single calls in order; it knows no publish ids, so nothing is repeated there.
 *
 * <p>Threads may share it.
 */
public final class Publisher implements AutoCloseable {
  /**
   * @param maxInFlightMessages accepted and not yet answered, before {@link #publish} waits
   * @param maxInFlightBytes of payloads and headers, likewise
   * @param maxBatchMessages in one frame
   * @param maxBatchBytes in one frame; a larger message goes alone
   * @param giveUpAfter so long without any answer, everything waiting fails
   * @param reconnectDelay before the first new attempt; it doubles up to 10 s
   */
  public record Options(
      int maxInFlightMessages,
      long maxInFlightBytes,
      int maxBatchMessages,
      long maxBatchBytes,
      Duration giveUpAfter,
      Duration reconnectDelay) {
    public static Options usual() {
      return new Options(
          10_000, 8 << 20, 1_000, 256 << 10, Duration.ofMinutes(2), ReconnectDelay.USUAL);
    }

    public Options withReconnectDelay(Duration delay) {
      return new Options(
          maxInFlightMessages, maxInFlightBytes, maxBatchMessages, maxBatchBytes, giveUpAfter, delay);
    }
  }

  /** While so many are on their way, smaller batches wait and grow. */
  private static final int BUSY_BATCHES = 2;

  private static final int UNAVAILABLE = 14;

  /** Failures of a stream that may be the fault of one of its messages. */
  private static final Set<String> FAULTS_OF_MESSAGES =
      Set.of("invalid_argument", "resource_exhausted", "out_of_range", "internal", "unknown");

  private record Entry(OutgoingMessage message, int bytes, CompletableFuture<Receipt> receipt) {}

  private record Batch(long id, List<Entry> entries) {}

  private final MsgbusClient client;
  private final Options options;
  private final ReconnectDelay delay;
  private final PublishIds ids = new PublishIds();
  private final Thread worker;

  // All below is guarded by this.
  private final Deque<Entry> waiting = new ArrayDeque<>();
  private final Deque<Batch> inFlight = new ArrayDeque<>();
  private int messages;
  private long bytes;
  private long lastBatch;

  /** So many of the first messages go alone, to find out which of them broke a stream. */
  private int careful;

  private boolean isClosing;
  private boolean isEnded;
  private boolean isStreamBroken;
  private StreamReader<PublishStreamRequest, PublishStreamResponse> stream;

  /** Only of the worker: when it began to fail, nanoseconds; 0: it does not. */
  private long failingSince;

  Publisher(MsgbusClient client, Options options) {
    this.client = client;
    this.options = options;
    this.delay = new ReconnectDelay(options.reconnectDelay());
    this.worker = new Thread(this::run, "msgbus-publisher");
    worker.setDaemon(true);
    worker.start();
  }

  /** Accepts a message, after waiting for room. The order of calls is the order of messages. */
  public CompletableFuture<Receipt> publish(String topic, String text) {
    return publish(OutgoingMessage.of(topic, text));
  }

  /** As {@link #publish(String, String)}. The future fails with a {@link MsgbusException}. */
  public synchronized CompletableFuture<Receipt> publish(OutgoingMessage message) {
    int size = message.bytes();
    try {
      while (!isClosing && !hasRoom(size)) wait();
    } catch (InterruptedException error) {
      throw MsgbusException.interrupted();
    }
    if (isClosing) throw new MsgbusException("cancelled", "cancelled", "the publisher is closed");
    OutgoingMessage own =
        message.publishId().isEmpty() ? message.withPublishId(ids.next()) : message;
    CompletableFuture<Receipt> receipt = new CompletableFuture<>();
    waiting.add(new Entry(own, size, receipt));
    messages++;
    bytes += size;
    notifyAll();
    return receipt;
  }

  /** Returns when everything accepted before is answered. */
  public synchronized void flush() {
    try {
      while (messages > 0 && !isEnded) wait();
    } catch (InterruptedException error) {
      throw MsgbusException.interrupted();
    }
  }

  /** Flushes, then ends. */
  @Override
  public void close() {
    synchronized (this) {
      isClosing = true;
      notifyAll();
    }
    flush();
    end();
  }

  private synchronized void end() {
    isEnded = true;
    if (stream != null) stream.close();
    notifyAll();
  }

  private boolean hasRoom(int size) {
    return messages == 0
        || (messages < options.maxInFlightMessages()
            && bytes + size <= options.maxInFlightBytes());
  }

  private void run() {
    boolean isSingly = false;
    while (awaitMessages()) {
      try {
        if (isSingly) deliverSingly();
        else deliverByStream();
      } catch (MsgbusException error) {
        int unanswered = putBack();
        if (isEnded()) break;
        if (error.isUnsupported()) isSingly = true;
        else recover(error, unanswered);
      }
    }
    giveUp(-1, new MsgbusException("cancelled", "cancelled", "the publisher is closed"));
  }

  private synchronized boolean isEnded() {
    return isEnded || client.isClosed();
  }

  private synchronized boolean awaitMessages() {
    try {
      while (waiting.isEmpty() && !isEnded) wait();
    } catch (InterruptedException error) {
      return false;
    }
    return !isEnded && !client.isClosed();
  }

  private void deliverByStream() {
    StreamReader<PublishStreamRequest, PublishStreamResponse> reader = new StreamReader<>();
    ClientCallStreamObserver<PublishStreamRequest> call =
        (ClientCallStreamObserver<PublishStreamRequest>) client.bus().publishStream(reader);
    synchronized (this) {
      stream = reader;
      isStreamBroken = false;
    }
    Thread writer = new Thread(() -> write(call), "msgbus-publisher-writer");
    writer.setDaemon(true);
    writer.start();
    try {
      while (true) {
        PublishStreamResponse response = reader.next();
        if (response == null) throw MsgbusException.ended();
        settle(response);
      }
    } finally {
      reader.close();
      synchronized (this) {
        stream = null;
        isStreamBroken = true;
        notifyAll();
      }
      joinUninterruptibly(writer);
    }
  }

  private static void joinUninterruptibly(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }

  /** Until the stream breaks, which its reader sees. */
  private void write(ClientCallStreamObserver<PublishStreamRequest> call) {
    for (Batch batch = nextBatch(); batch != null; batch = nextBatch()) {
      PublishStreamRequest.Builder request =
          PublishStreamRequest.newBuilder().setBatchId(batch.id());
      String topic = "";
      for (Entry entry : batch.entries()) {
        OutgoingMessage message = entry.message();
        // Absent: that of the message before.
        request.addMessages(
            Msgbus.OutgoingMessage.newBuilder()
                .setTopic(message.topic().equals(topic) ? "" : message.topic())
                .setPayload(message.payload())
                .putAllHeaders(message.headers())
                .setPublishId(message.publishId()));
        topic = message.topic();
      }
      try {
        call.onNext(request.build());
      } catch (IllegalStateException ended) {
        return;
      }
    }
  }

  /** Waits until there is one to send; null when the stream is over. */
  private synchronized Batch nextBatch() {
    try {
      while (true) {
        if (isEnded || isStreamBroken) return null;
        int most = careful > 0 ? 1 : options.maxBatchMessages();
        boolean isBusy = inFlight.size() >= BUSY_BATCHES && waiting.size() < most;
        boolean isCareful = careful > 0 && !inFlight.isEmpty();
        if (!waiting.isEmpty() && !isBusy && !isCareful) return take(most);
        wait();
      }
    } catch (InterruptedException error) {
      return null;
    }
  }

  private Batch take(int most) {
    List<Entry> taken = new ArrayList<>();
    long size = 0;
    while (!waiting.isEmpty() && taken.size() < most) {
      size += waiting.peek().bytes();
      if (!taken.isEmpty() && size > options.maxBatchBytes()) break;
      taken.add(waiting.poll());
    }
    Batch batch = new Batch(++lastBatch, taken);
    inFlight.add(batch);
    return batch;
  }

  private void settle(PublishStreamResponse response) {
    // A daemon that starts or stops refuses for now; the whole batch is tried again.
    for (PublishResult result : response.getResultsList()) {
      if (result.hasRefusal() && result.getRefusal().getCode() == UNAVAILABLE) {
        throw refusal(result.getRefusal());
      }
    }
    Batch batch;
    synchronized (this) {
      batch = inFlight.peek();
      if (batch == null
          || batch.id() != response.getBatchId()
          || batch.entries().size() != response.getResultsCount()) {
        String text = "the daemon answered another batch than it got";
        throw new MsgbusException("internal", "undecodable", text);
      }
      inFlight.poll();
      delay.reset();
      failingSince = 0;
    }
    for (int i = 0; i < response.getResultsCount(); i++) {
      PublishResult result = response.getResults(i);
      CompletableFuture<Receipt> receipt = batch.entries().get(i).receipt();
      if (result.hasRefusal()) receipt.completeExceptionally(refusal(result.getRefusal()));
      else {
        receipt.complete(
            new Receipt(
                result.getHeadId(), result.getId(), result.getCreatedAtMs(), result.getDuplicate()));
      }
    }
    release(batch.entries());
  }

  /** For daemons without the stream. */
  private void deliverSingly() {
    synchronized (this) {
      isStreamBroken = false;
    }
    for (Batch batch = nextBatch(); batch != null; batch = nextBatch()) {
      for (Entry entry : batch.entries()) {
        try {
          Message stored = client.publishOnce(entry.message().withPublishId(""));
          entry
              .receipt()
              .complete(new Receipt(stored.headId(), stored.id(), stored.createdAtMs(), false));
        } catch (MsgbusException error) {
          entry.receipt().completeExceptionally(error);
        }
      }
      synchronized (this) {
        inFlight.poll();
      }
      release(batch.entries());
    }
  }

  private synchronized void release(List<Entry> entries) {
    for (Entry entry : entries) bytes -= entry.bytes();
    messages -= entries.size();
    careful = Math.max(0, careful - entries.size());
    notifyAll();
  }

  /** What is in flight goes to the front of what waits, in its order. Returns how many messages that are. */
  private synchronized int putBack() {
    int count = 0;
    while (!inFlight.isEmpty()) {
      List<Entry> entries = inFlight.pollLast().entries();
      for (int i = entries.size() - 1; i >= 0; i--) waiting.addFirst(entries.get(i));
      count += entries.size();
    }
    return count;
  }

  private void recover(MsgbusException error, int unanswered) {
    if (!client.mayRetry(error)) {
      // Whom a final error concerns: one message, if it came while messages were unanswered.
      boolean isOfMessage = FAULTS_OF_MESSAGES.contains(error.code());
      if (isOfMessage && unanswered > 1) {
        synchronized (this) {
          careful = unanswered;
        }
        return;
      }
      giveUp(isOfMessage && unanswered == 1 ? 1 : -1, error);
      return;
    }
    long now = System.nanoTime();
    if (failingSince == 0) failingSince = now;
    if (now - failingSince >= options.giveUpAfter().toNanos()) {
      failingSince = 0;
      delay.reset();
      giveUp(-1, error);
      return;
    }
    delay.pause();
  }

  /** The first messages that wait; all with -1. */
  private void giveUp(int count, MsgbusException error) {
    List<Entry> entries = new ArrayList<>();
    synchronized (this) {
      while (!waiting.isEmpty() && (count < 0 || entries.size() < count)) {
        entries.add(waiting.poll());
      }
    }
    for (Entry entry : entries) entry.receipt().completeExceptionally(error);
    release(entries);
  }

  private static MsgbusException refusal(Msgbus.Refusal wire) {
    return MsgbusException.of(wire.getCode(), wire.getReason(), wire.getMessage());
  }
}
