package msgbus.client;

import java.time.Duration;
import msgbus.v2.Msgbus.ConsumeRequest;
import msgbus.v2.Msgbus.ConsumeResponse;

/**
 * Takes messages from a queue that several programs share. What is not acknowledged in time goes to another consumer; closing
 * gives what is not settled back at once.
 */
public final class Consumer extends Feed<Delivery> {
  /**
   * @param maxInFlight messages leased and not settled; more hides the way to the daemon and back
   * @param lease how long a message stays leased
   * @param reconnectDelay before the first new attempt; it doubles up to 10 s
   */
  public record Options(int maxInFlight, Duration lease, Duration reconnectDelay) {
    public static Options usual() {
      return new Options(1, Duration.ofSeconds(30), ReconnectDelay.USUAL);
    }
  }

  private final MsgbusClient client;
  private final ConsumeRequest request;
  private final ReconnectDelay delay;
  private StreamReader<ConsumeRequest, ConsumeResponse> stream;

  Consumer(MsgbusClient client, String queue, Options options) {
    this.client = client;
    this.delay = new ReconnectDelay(options.reconnectDelay());
    this.request =
        ConsumeRequest.newBuilder()
            .setQueue(queue)
            .setMaxInFlight(options.maxInFlight())
            .setLeaseMs((int) options.lease().toMillis())
            .build();
  }

  @Override
  Delivery read() {
    while (true) {
      try {
        if (stream == null) {
          stream = use(StreamReader.open(reader -> client.queuesAsync().consume(request, reader)));
        }
        ConsumeResponse response = stream.next();
        if (response == null) throw MsgbusException.ended();
        if (!response.hasMessage()) throw MsgbusException.withoutMessage();
        delay.reset();
        return new Delivery(client, response);
      } catch (MsgbusException error) {
        stream = null;
        if (error.isUnsupported()) {
          throw MsgbusException.unsupported("leases; use peekFifo and ackFifo", error);
        }
        if (isClosed() || !client.mayRetry(error)) throw error;
        delay.pause();
      }
    }
  }
}
