package msgbus.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.protobuf.ByteString;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Against a real daemon, which is killed at times. */
@Timeout(value = 300, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DaemonTest {
  /** Everyday figures are small; the large ones are 20 kills during 100,000 messages. */
  private static final int KILLS = setting("MSGBUS_SDK_KILLS", 3);

  private static final int MESSAGES = setting("MSGBUS_SDK_MESSAGES", 3000);

  private static int setting(String name, int usual) {
    String value = System.getenv(name);
    return value == null ? usual : Integer.parseInt(value);
  }

  @Test
  void names() throws IOException {
    try (Suite suite = Suite.open();
        MsgbusClient client = MsgbusClient.connect(suite.address("daemon --storage memory"))) {
      for (JsonElement each : Suite.vectors("topics.json").getAsJsonObject().getAsJsonArray("names")) {
        JsonObject vector = each.getAsJsonObject();
        String name = vector.get("name").getAsString();
        if (vector.get("valid").getAsBoolean()) {
          client.publish(name, "");
          continue;
        }
        MsgbusException error =
            assertThrows(MsgbusException.class, () -> client.publish(name, ""), name);
        assertEquals("invalid_argument", error.code(), name);
        assertEquals(vector.get("reason").getAsString(), error.reason(), name);
      }
    }
  }

  @Test
  void whatIsPublishedComes() throws IOException {
    try (Suite suite = Suite.open();
        MsgbusClient client = MsgbusClient.connect(suite.address("daemon --storage memory"))) {
      for (int i = 0; i < 3; i++) client.publish("t/" + i, "m" + i);
      Message last;
      try (Subscription subscription = client.subscribe("t/+")) {
        for (int i = 0; i < 3; i++) assertEquals("m" + i, subscription.next().text());
        client.publish("t/live", "live");
        last = subscription.next();
        assertEquals("live", last.text());
      }
      Subscription.Options behind = Subscription.Options.from(Start.after(last.position()));
      try (Subscription subscription = client.subscribe("t/#", behind)) {
        client.publish("t/next", "");
        assertEquals("t/next", subscription.next().topic());
      }
      assertEquals(5, client.listHeads().size());
    }
  }

  @Test
  void aFeedThatIsClosedEnds() throws Exception {
    try (Suite suite = Suite.open();
        MsgbusClient client = MsgbusClient.connect(suite.address("daemon --storage memory"))) {
      Subscription subscription = client.subscribe("t/+");
      CompletableFuture<Message> waiting = CompletableFuture.supplyAsync(subscription::next);
      subscription.close();
      assertNull(waiting.get());
    }
  }

  @Test
  void aQueueIsShared() throws IOException {
    try (Suite suite = Suite.open();
        MsgbusClient client = MsgbusClient.connect(suite.address("daemon --storage memory"))) {
      client.enqueue("jobs", "one");
      client.enqueue("jobs", "two");
      Consumer.Options options =
          new Consumer.Options(2, Duration.ofSeconds(30), Duration.ofMillis(1));
      try (Consumer consumer = client.consume("jobs", options)) {
        Delivery first = consumer.next();
        Delivery second = consumer.next();
        assertTrue(first.ack());
        assertTrue(second.release(Duration.ZERO));
        Delivery again = consumer.next();
        assertEquals("two", again.message().text());
        assertEquals(1, again.message().attempts());
        assertTrue(again.ack());
      }
      assertNull(client.peekFifo("jobs"));
    }
  }

  @Test
  void aProcedureAnswersAndFailsInItsWords() throws IOException {
    try (Suite suite = Suite.open();
        MsgbusClient client = MsgbusClient.connect(suite.address("daemon --storage memory"))) {
      CallHandler handler =
          call -> {
            if (call.text().equals("fail")) {
              throw new CallException(
                  "com.example.no", "not today", ByteString.copyFromUtf8("later"));
            }
            return ByteString.copyFromUtf8(call.text().toUpperCase());
          };
      try (Registration registration = client.register("shout", handler)) {
        assertEquals("HELLO", client.call("shout", "hello"));
        CallException error =
            assertThrows(CallException.class, () -> client.call("shout", "fail"));
        assertEquals("com.example.no", error.name());
        assertEquals("later", error.payload().toStringUtf8());
      }
    }
  }

  @Test
  void eachMessageOnceAndInOrderOverKills() throws Exception {
    try (Suite suite = Suite.open()) {
      JsonObject started = suite.ask("daemon");
      try (MsgbusClient client = MsgbusClient.connect(started.get("address").getAsString())) {
        CompletableFuture<Void> reading = CompletableFuture.runAsync(() -> readAll(client));
        Publisher.Options options =
            Publisher.Options.usual().withReconnectDelay(Duration.ofMillis(10));
        int every = MESSAGES / KILLS;
        try (Publisher publisher = client.publisher(options)) {
          for (int i = 0; i < MESSAGES; i++) {
            if (i % every == every / 2) suite.ask("kill " + started.get("id"));
            publisher.publish("t", Integer.toString(i));
          }
        }
        reading.get();
      }
    }
  }

  private static void readAll(MsgbusClient client) {
    Subscription.Options options =
        new Subscription.Options(
            Start.EARLIEST,
            null,
            false,
            Subscription.HistoryChange.EARLIEST,
            Duration.ofMillis(10));
    try (Subscription subscription = client.subscribe("t", options)) {
      for (int i = 0; i < MESSAGES; i++) {
        Message message = subscription.next();
        assertEquals(i + 1, message.headId());
        assertEquals(Integer.toString(i), message.text());
      }
    }
  }
}
