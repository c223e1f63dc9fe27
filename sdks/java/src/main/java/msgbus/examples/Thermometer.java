package msgbus.examples;

import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import msgbus.client.Message;
import msgbus.client.MsgbusClient;
import msgbus.client.Publisher;
import msgbus.client.Start;
import msgbus.client.Subscription;

/** A thermometer and whoever is interested in it, in one program: {@code Thermometer [address]}. */
public final class Thermometer {
  private Thermometer() {}

  public static void main(String[] args) {
    String address = args.length > 0 ? args[0] : "127.0.0.1:50051";
    try (MsgbusClient bus = MsgbusClient.connect(address)) {
      long before = bus.publish("hall/temperature", "20.0").headId();
      try (Publisher publisher = bus.publisher()) {
        for (int i = 0; i < 5; i++) {
          double degrees = 20 + ThreadLocalRandom.current().nextDouble();
          publisher.publish("hall/temperature", String.format(Locale.ROOT, "%.1f", degrees));
        }
      }
      Subscription.Options options = Subscription.Options.from(Start.atHead(before));
      try (Subscription messages = bus.subscribe("hall/temperature", options)) {
        for (int i = 0; i < 6; i++) {
          Message message = messages.next();
          System.out.println(message.topic() + " #" + message.headId() + " " + message.text());
        }
      }
    }
  }
}
