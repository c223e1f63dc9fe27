import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.logging.LogManager;
import org.eclipse.paho.client.mqttv3.IMqttDeliveryToken;
import org.eclipse.paho.client.mqttv3.MqttCallback;
import org.eclipse.paho.client.mqttv3.MqttClient;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.paho.client.mqttv3.persist.MemoryPersistence;
import org.eclipse.paho.mqttv5.client.IMqttToken;
import org.eclipse.paho.mqttv5.client.MqttConnectionOptions;
import org.eclipse.paho.mqttv5.client.MqttDisconnectResponse;
import org.eclipse.paho.mqttv5.common.MqttException;
import org.eclipse.paho.mqttv5.common.packet.MqttProperties;
import org.eclipse.paho.mqttv5.common.packet.UserProperty;

/** Runs Paho through what MQTT offers, in one version, against the port given; prints `ok STEP` for each step. */
public final class Client {
  record Message(String topic, String payload, int qos, boolean retained, List<UserProperty> user) {}

  /** What both of Paho's clients can do. */
  interface Bus {
    boolean isPresent();

    void subscribe(String topic, int qos) throws Exception;

    void publish(String topic, String payload, int qos, boolean retain) throws Exception;

    BlockingQueue<Message> messages();

    void end() throws Exception;

    /** Without a word. */
    void cut() throws Exception;
  }

  static final class Old implements Bus, MqttCallback {
    private final MqttClient client;
    private final BlockingQueue<Message> messages = new LinkedBlockingQueue<>();
    private final boolean isPresent;

    Old(String url, String name, boolean clean, String will) throws Exception {
      client = new MqttClient(url, name, new MemoryPersistence());
      client.setCallback(this);
      client.setTimeToWait(20_000);
      MqttConnectOptions options = new MqttConnectOptions();
      options.setMqttVersion(MqttConnectOptions.MQTT_VERSION_3_1_1);
      options.setCleanSession(clean);
      if (will != null) options.setWill("java/will", will.getBytes(), 1, false);
      isPresent = client.connectWithResult(options).getSessionPresent();
    }

    public boolean isPresent() {
      return isPresent;
    }

    public void subscribe(String topic, int qos) throws Exception {
      client.subscribe(topic, qos);
    }

    public void publish(String topic, String payload, int qos, boolean retain) throws Exception {
      client.publish(topic, payload.getBytes(), qos, retain);
    }

    public BlockingQueue<Message> messages() {
      return messages;
    }

    public void end() throws Exception {
      client.disconnect();
      client.close();
    }

    public void cut() throws Exception {
      client.disconnectForcibly(0, 1, false);
      client.close();
    }

    public void messageArrived(String topic, MqttMessage message) {
      String payload = new String(message.getPayload());
      messages.add(new Message(topic, payload, message.getQos(), message.isRetained(), List.of()));
    }

    public void connectionLost(Throwable cause) {}

    public void deliveryComplete(IMqttDeliveryToken token) {}
  }

  static final class Five implements Bus, org.eclipse.paho.mqttv5.client.MqttCallback {
    private final org.eclipse.paho.mqttv5.client.MqttClient client;
    private final BlockingQueue<Message> messages = new LinkedBlockingQueue<>();
    private final boolean isPresent;

    Five(String url, String name, boolean clean, String will) throws Exception {
      client =
          new org.eclipse.paho.mqttv5.client.MqttClient(
              url, name, new org.eclipse.paho.mqttv5.client.persist.MemoryPersistence());
      client.setCallback(this);
      client.setTimeToWait(20_000);
      MqttConnectionOptions options = new MqttConnectionOptions();
      options.setCleanStart(clean);
      options.setSessionExpiryInterval(clean ? 0L : 1_000L);
      options.setTopicAliasMaximum(5);
      if (will != null) {
        options.setWill("java/will", new org.eclipse.paho.mqttv5.common.MqttMessage(will.getBytes()));
      }
      isPresent = client.connectWithResult(options).getSessionPresent();
    }

    public boolean isPresent() {
      return isPresent;
    }

    public void subscribe(String topic, int qos) throws Exception {
      client.subscribe(topic, qos);
    }

    public void publish(String topic, String payload, int qos, boolean retain) throws Exception {
      var message = new org.eclipse.paho.mqttv5.common.MqttMessage(payload.getBytes(), qos, retain, null);
      MqttProperties properties = new MqttProperties();
      properties.setUserProperties(List.of(new UserProperty("b", "1"), new UserProperty("a", payload)));
      message.setProperties(properties);
      client.publish(topic, message);
    }

    public BlockingQueue<Message> messages() {
      return messages;
    }

    public void end() throws Exception {
      client.disconnect();
      client.close();
    }

    public void cut() throws Exception {
      client.disconnectForcibly(0, 1, false);
      client.close();
    }

    public void messageArrived(String topic, org.eclipse.paho.mqttv5.common.MqttMessage message) {
      String payload = new String(message.getPayload());
      List<UserProperty> user = message.getProperties().getUserProperties();
      messages.add(new Message(topic, payload, message.getQos(), message.isRetained(), user));
    }

    public void disconnected(MqttDisconnectResponse response) {}

    public void mqttErrorOccurred(MqttException exception) {}

    public void deliveryComplete(IMqttToken token) {}

    public void connectComplete(boolean again, String uri) {}

    public void authPacketArrived(int reasonCode, MqttProperties properties) {}
  }

  private final String url;
  private final int version;

  private Client(String port, int version) {
    this.url = "tcp://127.0.0.1:" + port;
    this.version = version;
  }

  public static void main(String[] args) throws Exception {
    // Paho tells every PUBCOMP otherwise.
    LogManager.getLogManager().reset();
    Client client = new Client(args[0], Integer.parseInt(args[1]));
    client.qos();
    client.retained();
    client.session();
    client.will();
    System.exit(0);
  }

  private Bus open(String name, boolean clean, String will) throws Exception {
    return version == 5 ? new Five(url, name, clean, will) : new Old(url, name, clean, will);
  }

  private Bus open(String name) throws Exception {
    return open(name, true, null);
  }

  private static Message gets(Bus bus, String payload) throws Exception {
    Message message = bus.messages().poll(20, TimeUnit.SECONDS);
    check(message != null && message.payload().equals(payload), "got " + message + ", not " + payload);
    return message;
  }

  private static void check(boolean isTrue, String what) {
    if (!isTrue) throw new AssertionError(what);
  }

  private static void done(String step) {
    System.out.println("ok " + step);
  }

  private void qos() throws Exception {
    Bus one = open("one");
    Bus other = open("other");
    one.subscribe("java/qos/+", 2);
    for (int qos = 0; qos <= 2; qos++) {
      other.publish("java/qos/" + qos, "" + qos, qos, false);
      Message message = gets(one, "" + qos);
      check(message.qos() == qos, "QoS of " + message);
      if (version < 5) continue;
      List<UserProperty> user = message.user();
      check(user.size() == 2 && user.get(0).getKey().equals("b"), "user properties of " + message);
    }
    for (int i = 0; i < 200; i++) other.publish("java/qos/many", "" + i, 1 + i % 2, false);
    int[] next = {0, 1};
    for (int i = 0; i < 200; i++) {
      Message message = one.messages().poll(20, TimeUnit.SECONDS);
      check(message != null, "message " + i);
      int place = message.qos() - 1;
      check(message.payload().equals("" + next[place]), "order: " + message);
      next[place] += 2;
    }
    one.end();
    other.end();
    done("qos");
  }

  private void retained() throws Exception {
    Bus one = open("one");
    Bus other = open("other");
    for (int qos = 0; qos <= 2; qos++) other.publish("java/retained", "kept " + qos, qos, true);
    one.subscribe("java/retained", 2);
    Message message = gets(one, "kept 2");
    check(message.retained() && message.qos() == 2, "retained: " + message);
    other.publish("java/retained", "", 1, true);
    gets(one, "");
    one.end();
    Bus late = open("late");
    late.subscribe("java/#", 2);
    other.publish("java/end", "end", 1, false);
    gets(late, "end");
    late.end();
    other.end();
    done("retained");
  }

  private void session() throws Exception {
    Bus one = open("kept", false, null);
    Bus other = open("other");
    check(!one.isPresent(), "a session before it was made");
    one.subscribe("java/session", 2);
    one.end();
    for (int qos = 1; qos <= 2; qos++) other.publish("java/session", "away " + qos, qos, false);
    Bus again = open("kept", false, null);
    check(again.isPresent(), "no session");
    gets(again, "away 1");
    gets(again, "away 2");
    again.end();
    Bus clean = open("kept");
    check(!clean.isPresent(), "a session after a clean start");
    clean.end();
    other.end();
    done("session");
  }

  private void will() throws Exception {
    Bus one = open("one");
    one.subscribe("java/will", 1);
    open("proper", true, "not sent").end();
    open("lost", true, "gone").cut();
    gets(one, "gone");
    one.end();
    done("will");
  }
}
