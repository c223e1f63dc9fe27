package msgbus.client;

import java.time.Duration;
import msgbus.v2.Msgbus;

/** A leased message. Settle it once, with {@link #ack} or {@link #release}. */
public final class Delivery {
  private final MsgbusClient client;
  private final String leaseId;
  private final QueueMessage message;

  Delivery(MsgbusClient client, Msgbus.ConsumeResponse response) {
    this.client = client;
    this.leaseId = response.getLeaseId();
    this.message = QueueMessage.from(response.getMessage());
  }

  public QueueMessage message() {
    return message;
  }

  /** Done: removes the message. False: the lease had ended, and another consumer may have it. */
  public boolean ack() {
    return settle(
        Msgbus.Settlement.newBuilder().setAcknowledge(Msgbus.Acknowledge.getDefaultInstance()));
  }

  /** Not done: counts an attempt and gives the message back after the delay. */
  public boolean release(Duration delay) {
    return settle(
        Msgbus.Settlement.newBuilder()
            .setRelease(Msgbus.Release.newBuilder().setDelayMs((int) delay.toMillis())));
  }

  /** Not done yet: keeps it for this much longer, from now; zero: as long as at first. */
  public boolean extend(Duration lease) {
    return settle(
        Msgbus.Settlement.newBuilder()
            .setExtend(Msgbus.Extend.newBuilder().setLeaseMs((int) lease.toMillis())));
  }

  private boolean settle(Msgbus.Settlement.Builder settlement) {
    Msgbus.SettleRequest request =
        Msgbus.SettleRequest.newBuilder()
            .addSettlements(settlement.setQueue(message.queue()).setLeaseId(leaseId))
            .build();
    Msgbus.SettleResponse response =
        MsgbusException.answer(() -> client.queues().settle(request));
    return response.getAcceptedCount() > 0 && response.getAccepted(0);
  }
}
